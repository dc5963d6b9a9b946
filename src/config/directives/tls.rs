//! TLS, HTTP/2 and HTTP/3.

use super::{directives, refused, refused_unless};
use crate::config::spec::Support::{Accepted, Ignored, Supported};

directives! { HTTP_SSL, "ngx_http_ssl_module";
    ssl [HTTP SERVER] (flag) "on | off" = "off"
        => Supported, "Old form of listen … ssl.";
    ssl_certificate [HTTP SERVER] (1) "file" = ""
        => Supported, "The server's certificate, followed by those that lead to its authority; one line for each kind of key.";
    ssl_certificate_key [HTTP SERVER] (1) "file" = "" => Supported, "Its key, not encrypted.";
    ssl_password_file [HTTP SERVER] (1) "value" = "" => Ignored("a key that is encrypted is refused"), "";
    ssl_dhparam [HTTP SERVER] (1) "value" = "" => Accepted("ECDHE is offered, DHE is not"), "";
    ssl_ecdh_curve [HTTP SERVER] (1) "value" = "" => Ignored("X25519, P-256 and P-384 are offered"), "";
    ssl_protocols [HTTP SERVER] (1+) "value ..." = "" => Ignored("TLS 1.2 and 1.3 are served"), "";
    ssl_ciphers [HTTP SERVER] (1) "value" = "" => Ignored("ECDHE with AES-GCM and ChaCha20-Poly1305 are offered"), "";
    ssl_buffer_size [HTTP SERVER] (1) "value" = "" => Ignored("records are up to 16 KiB long"), "";
    ssl_verify_client [HTTP SERVER] (1) "on | off | optional | optional_no_ca" = "off"
        => refused_unless("off", "it keeps out clients without a certificate"), "Checks clients' certificates.";
    ssl_verify_depth [HTTP SERVER] (1) "value" = "" => Ignored("clients are not asked for certificates"), "";
    ssl_client_certificate [HTTP SERVER] (1) "file" = ""
        => refused("it keeps out clients without a certificate"), "Authorities of clients' certificates.";
    ssl_trusted_certificate [HTTP SERVER] (1) "file" = ""
        => Ignored("TLS works without"), "Authorities for OCSP.";
    ssl_prefer_server_ciphers [HTTP SERVER] (flag) "on | off" = "" => Ignored("the client chooses among the ciphers"), "";
    ssl_session_cache [HTTP SERVER] (1 2) "value ..." = "" => Ignored("each connection begins with a whole handshake"), "";
    ssl_session_tickets [HTTP SERVER] (flag) "on | off" = "" => Ignored("each connection begins with a whole handshake"), "";
    ssl_session_ticket_key [HTTP SERVER] (1) "value" = "" => Ignored("each connection begins with a whole handshake"), "";
    ssl_session_timeout [HTTP SERVER] (1) "value" = "" => Ignored("each connection begins with a whole handshake"), "";
    ssl_crl [HTTP SERVER] (1) "file" = ""
        => refused("it keeps out clients with a revoked certificate"), "Revoked certificates.";
    ssl_ocsp [HTTP SERVER] (flag) "on | off | leaf" = "off"
        => refused_unless("off", "it keeps out clients with a revoked certificate"),
        "Checks clients' certificates by OCSP.";
    ssl_ocsp_responder [HTTP SERVER] (1) "value" = "" => Ignored("TLS works without"), "";
    ssl_ocsp_cache [HTTP SERVER] (1) "value" = "" => Ignored("TLS works without"), "";
    ssl_stapling [HTTP SERVER] (flag) "on | off" = "" => Accepted("no OCSP response is stapled"), "";
    ssl_stapling_file [HTTP SERVER] (1) "value" = "" => Ignored("TLS works without"), "";
    ssl_stapling_responder [HTTP SERVER] (1) "value" = "" => Accepted("no OCSP response is stapled"), "";
    ssl_stapling_verify [HTTP SERVER] (flag) "on | off" = "" => Accepted("no OCSP response is stapled"), "";
    ssl_early_data [HTTP SERVER] (flag) "on | off" = "" => Accepted("no data is taken before the handshake is done: it can be replayed"), "";
    ssl_conf_command [HTTP SERVER] (2) "value value" = "" => Ignored("TLS works without"), "";
    ssl_reject_handshake [HTTP SERVER] (flag) "on | off" = "off"
        => Supported, "Refuses handshakes.";
    ssl_certificate_cache [HTTP SERVER] (1 2 3) "value ..." = "" => Accepted("certificates are loaded at start"), "";
    ssl_key_log [HTTP SERVER] (1) "value" = "" => Ignored("TLS works without"), "";
}

directives! { HTTP_V2, "ngx_http_v2_module";
    http2_recv_buffer_size [HTTP] (1) "value" = "" => Ignored("HTTP/1.1 is served"), "";
    http2_pool_size [HTTP SERVER] (1) "value" = "" => Ignored("HTTP/1.1 is served"), "";
    http2_max_concurrent_streams [HTTP SERVER] (1) "value" = "" => Ignored("HTTP/1.1 is served"), "";
    http2_max_concurrent_pushes [HTTP SERVER] (1) "value" = "" => Ignored("HTTP/1.1 is served"), "";
    http2_max_requests [HTTP SERVER] (1) "value" = "" => Ignored("HTTP/1.1 is served"), "";
    http2_max_field_size [HTTP SERVER] (1) "value" = "" => Ignored("HTTP/1.1 is served"), "";
    http2_max_header_size [HTTP SERVER] (1) "value" = "" => Ignored("HTTP/1.1 is served"), "";
    http2_body_preread_size [HTTP SERVER] (1) "value" = "" => Ignored("HTTP/1.1 is served"), "";
    http2_streams_index_size [HTTP SERVER] (1) "value" = "" => Ignored("HTTP/1.1 is served"), "";
    http2_recv_timeout [HTTP SERVER] (1) "value" = "" => Ignored("HTTP/1.1 is served"), "";
    http2_idle_timeout [HTTP SERVER] (1) "value" = "" => Ignored("HTTP/1.1 is served"), "";
    http2_chunk_size [HTTP SERVER LOCATION] (1) "value" = "" => Ignored("HTTP/1.1 is served"), "";
    http2_push_preload [HTTP SERVER LOCATION] (flag) "on | off" = "" => Ignored("HTTP/1.1 is served"), "";
    http2_push [HTTP SERVER LOCATION] (1) "value" = "" => Ignored("HTTP/1.1 is served"), "";
    http2 [HTTP SERVER] (flag) "on | off" = ""
        => Accepted("HTTP/1.1 is served, which every client speaks"), "";
}

directives! { HTTP_V3, "ngx_http_v3_module";
    http3 [HTTP SERVER] (flag) "on | off" = "" => Ignored("HTTP/3 is not supported"), "";
    http3_hq [HTTP SERVER] (flag) "on | off" = "" => Ignored("HTTP/3 is not supported"), "";
    http3_max_concurrent_streams [HTTP SERVER] (1) "value" = "" => Ignored("HTTP/3 is not supported"), "";
    http3_stream_buffer_size [HTTP SERVER] (1) "value" = "" => Ignored("HTTP/3 is not supported"), "";
    quic_active_connection_id_limit [HTTP SERVER] (1) "value" = "" => Ignored("HTTP/3 is not supported"), "";
    quic_bpf [MAIN] (flag) "on | off" = "" => Ignored("HTTP/3 is not supported"), "";
    quic_gso [HTTP SERVER] (flag) "on | off" = "" => Ignored("HTTP/3 is not supported"), "";
    quic_host_key [HTTP SERVER] (1) "value" = "" => Ignored("HTTP/3 is not supported"), "";
    quic_retry [HTTP SERVER] (flag) "on | off" = "" => Ignored("HTTP/3 is not supported"), "";
}
