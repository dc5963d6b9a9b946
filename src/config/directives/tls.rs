//! TLS, HTTP/2 and HTTP/3.

use super::{directives, refused_unless};
use crate::config::spec::Support::{Accepted, Ignored, Supported};

directives! { HTTP_SSL, "ngx_http_ssl_module";
    ssl [HTTP SERVER] (flag) "on | off" = "off"
        => Supported, "Old form of listen … ssl.";
    ssl_certificate [HTTP SERVER] (1) "file" = ""
        => Supported, "The server's certificate, followed by those that lead to its authority; one line for each kind of key.";
    ssl_certificate_key [HTTP SERVER] (1) "file" = "" => Supported, "Its key, not encrypted.";
    ssl_password_file [HTTP SERVER] (1) "file" = ""
        => Ignored("a key that is encrypted is refused"), "";
    ssl_dhparam [HTTP SERVER] (1) "file" = ""
        => Accepted("the exchange of keys is ECDHE, which needs none"), "";
    ssl_ecdh_curve [HTTP SERVER] (1) "curve[:curve ...]" = "auto"
        => Supported, "Groups for the exchange of keys: X25519, prime256v1 and secp384r1; what else is named is left out, with a notice.";
    ssl_protocols [HTTP SERVER] (1+) "TLSv1.2 | TLSv1.3 ..." = "TLSv1.2 TLSv1.3"
        => Supported, "Protocols. SSLv2, SSLv3, TLSv1 and TLSv1.1 are left out, with a notice.";
    ssl_ciphers [HTTP SERVER] (1) "ciphers" = "HIGH:!aNULL:!MD5"
        => Supported, "Ciphers of TLS 1.2 in OpenSSL's language: of the list, ECDHE with AES-GCM and ChaCha20-Poly1305 are offered. What else is named is left out, with a notice.";
    ssl_buffer_size [HTTP SERVER] (1) "size" = "16k"
        => Supported, "Most bytes in a record; the first ones after a pause hold 4k.";
    ssl_verify_client [HTTP SERVER] (1) "on | off | optional | optional_no_ca" = "off"
        => Supported, "Asks clients for certificates; a request without a valid one is answered 400.";
    ssl_verify_depth [HTTP SERVER] (1) "number" = "1"
        => Supported, "Certificates between the client's and a trusted one.";
    ssl_client_certificate [HTTP SERVER] (1) "file" = ""
        => Supported, "Authorities of clients' certificates, which clients are told of.";
    ssl_trusted_certificate [HTTP SERVER] (1) "file" = ""
        => Supported, "More authorities, which clients are not told of.";
    ssl_prefer_server_ciphers [HTTP SERVER] (flag) "on | off" = "off"
        => Supported, "The order of ciphers is the server's, not the client's.";
    ssl_session_cache [HTTP SERVER] (1 2) "off | none | [builtin[:size]] [shared:name:size]" = "none"
        => Supported, "Sessions that are kept here, for all cores, over reloads.";
    ssl_session_tickets [HTTP SERVER] (flag) "on | off" = "on"
        => Supported, "Sessions that clients keep. The keys are shared by all cores, change by themselves and outlive reloads.";
    ssl_session_ticket_key [HTTP SERVER] (1) "file" = ""
        => Supported, "A key for tickets that several machines share, 48 or 80 bytes: the first seals, all open.";
    ssl_session_timeout [HTTP SERVER] (1) "time" = "5m"
        => Supported, "How long a session can be resumed.";
    ssl_crl [HTTP SERVER] (1) "file" = ""
        => Supported, "Revoked certificates, in lists of version 2.";
    ssl_ocsp [HTTP SERVER] (flag) "on | off | leaf" = "off"
        => refused_unless("off", "it keeps out clients with a revoked certificate"),
        "Checks clients' certificates by OCSP.";
    ssl_ocsp_responder [HTTP SERVER] (1) "url" = ""
        => Accepted("clients' certificates are not checked by OCSP"), "";
    ssl_ocsp_cache [HTTP SERVER] (1) "off | shared:name:size" = "off"
        => Accepted("clients' certificates are not checked by OCSP"), "";
    ssl_stapling [HTTP SERVER] (flag) "on | off" = "off"
        => Supported, "Sends the response of ssl_stapling_file; none is fetched.";
    ssl_stapling_file [HTTP SERVER] (1) "file" = ""
        => Supported, "An OCSP response in DER, sent with the certificate.";
    ssl_stapling_responder [HTTP SERVER] (1) "url" = ""
        => Accepted("no OCSP response is fetched"), "";
    ssl_stapling_verify [HTTP SERVER] (flag) "on | off" = "off"
        => Accepted("no OCSP response is fetched"), "";
    ssl_early_data [HTTP SERVER] (flag) "on | off" = "off"
        => Accepted("no data is taken before the handshake is done: it can be replayed"), "";
    ssl_conf_command [HTTP SERVER] (2) "name value" = ""
        => Supported, "OpenSSL's commands: Ciphersuites, CipherString, Curves, Groups, MinProtocol, MaxProtocol, Options. `Options KTLS` is experimental.";
    ssl_reject_handshake [HTTP SERVER] (flag) "on | off" = "off"
        => Supported, "Refuses handshakes.";
    ssl_certificate_cache [HTTP SERVER] (1 2 3) "off | max=N ..." = "off"
        => Accepted("certificates are loaded at start"), "";
    ssl_key_log [HTTP SERVER] (1) "path" = ""
        => Ignored("keys are not written"), "";
}

directives! { HTTP_V2, "ngx_http_v2_module";
    http2 [HTTP SERVER] (flag) "on | off" = "off"
        => Supported, "Clients may speak HTTP/2: over TLS where both ends agree on it, in plain text where they begin with it.";
    http2_max_concurrent_streams [HTTP SERVER] (1) "number" = "128"
        => Supported, "Requests of one connection that may be under way.";
    http2_body_preread_size [HTTP SERVER] (1) "size" = "256k"
        => Supported, "What a client may send of one body before anybody reads it.";
    http2_recv_buffer_size [HTTP] (1) "size" = "256k"
        => Accepted("connections are read into buffers that grow with use"), "";
    http2_pool_size [HTTP SERVER] (1) "size" = "4k"
        => Accepted("memory is not taken in pools"), "";
    http2_streams_index_size [HTTP SERVER] (1) "number" = "32"
        => Accepted("streams are found without an index of a fixed size"), "";
    http2_chunk_size [HTTP SERVER LOCATION] (1) "size" = "8k"
        => Accepted("frames are as long as the client takes them"), "";
    http2_max_requests [HTTP SERVER] (1) "number" = ""
        => Accepted("nginx has keepalive_requests for it since 1.19.7"), "";
    http2_max_field_size [HTTP SERVER] (1) "size" = ""
        => Accepted("nginx has large_client_header_buffers for it since 1.19.7"), "";
    http2_max_header_size [HTTP SERVER] (1) "size" = ""
        => Accepted("nginx has large_client_header_buffers for it since 1.19.7"), "";
    http2_recv_timeout [HTTP SERVER] (1) "time" = ""
        => Accepted("nginx has client_header_timeout for it since 1.19.7"), "";
    http2_idle_timeout [HTTP SERVER] (1) "time" = ""
        => Accepted("nginx has keepalive_timeout for it since 1.19.7"), "";
    http2_max_concurrent_pushes [HTTP SERVER] (1) "number" = ""
        => Accepted("nothing is pushed: browsers have given that up, and nginx with 1.25.1"), "";
    http2_push_preload [HTTP SERVER LOCATION] (flag) "on | off" = ""
        => Accepted("nothing is pushed: browsers have given that up, and nginx with 1.25.1"), "";
    http2_push [HTTP SERVER LOCATION] (1) "uri | off" = ""
        => Accepted("nothing is pushed: browsers have given that up, and nginx with 1.25.1"), "";
}

directives! { HTTP_V3, "ngx_http_v3_module";
    http3 [HTTP SERVER] (flag) "on | off" = "" => Ignored("HTTP/3 is not served, clients use TCP"), "";
    http3_hq [HTTP SERVER] (flag) "on | off" = "" => Ignored("HTTP/3 is not served, clients use TCP"), "";
    http3_max_concurrent_streams [HTTP SERVER] (1) "value" = "" => Ignored("HTTP/3 is not served, clients use TCP"), "";
    http3_stream_buffer_size [HTTP SERVER] (1) "value" = "" => Ignored("HTTP/3 is not served, clients use TCP"), "";
    quic_active_connection_id_limit [HTTP SERVER] (1) "value" = "" => Ignored("HTTP/3 is not served, clients use TCP"), "";
    quic_bpf [MAIN] (flag) "on | off" = "" => Ignored("HTTP/3 is not served, clients use TCP"), "";
    quic_gso [HTTP SERVER] (flag) "on | off" = "" => Ignored("HTTP/3 is not served, clients use TCP"), "";
    quic_host_key [HTTP SERVER] (1) "value" = "" => Ignored("HTTP/3 is not served, clients use TCP"), "";
    quic_retry [HTTP SERVER] (flag) "on | off" = "" => Ignored("HTTP/3 is not served, clients use TCP"), "";
}
