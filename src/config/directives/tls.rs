//! TLS, HTTP/2 and HTTP/3.

use super::{directives, refused, refused_unless};
use crate::config::spec::Support::{Accepted, Ignored};

directives! { HTTP_SSL, "ngx_http_ssl_module";
    ssl [HTTP SERVER] (flag) "on | off" = "off"
        => refused_unless("off", "it asks for TLS"), "Old form of listen … ssl.";
    ssl_certificate [HTTP SERVER] (1) "file" = ""
        => refused("TLS is not supported yet"), "The server's certificate.";
    ssl_certificate_key [HTTP SERVER] (1) "file" = "" => refused("TLS is not supported yet"), "Its key.";
    ssl_password_file [HTTP SERVER] (1) "value" = "" => Ignored("TLS is not supported yet"), "";
    ssl_dhparam [HTTP SERVER] (1) "value" = "" => Ignored("TLS is not supported yet"), "";
    ssl_ecdh_curve [HTTP SERVER] (1) "value" = "" => Ignored("TLS is not supported yet"), "";
    ssl_protocols [HTTP SERVER] (1+) "value ..." = "" => Ignored("TLS is not supported yet"), "";
    ssl_ciphers [HTTP SERVER] (1) "value" = "" => Ignored("TLS is not supported yet"), "";
    ssl_buffer_size [HTTP SERVER] (1) "value" = "" => Ignored("TLS is not supported yet"), "";
    ssl_verify_client [HTTP SERVER] (1) "on | off | optional | optional_no_ca" = "off"
        => refused_unless("off", "it keeps out clients without a certificate"), "Checks clients' certificates.";
    ssl_verify_depth [HTTP SERVER] (1) "value" = "" => Ignored("TLS is not supported yet"), "";
    ssl_client_certificate [HTTP SERVER] (1) "file" = ""
        => refused("it keeps out clients without a certificate"), "Authorities of clients' certificates.";
    ssl_trusted_certificate [HTTP SERVER] (1) "file" = ""
        => Ignored("TLS is not supported yet"), "Authorities for OCSP.";
    ssl_prefer_server_ciphers [HTTP SERVER] (flag) "on | off" = "" => Ignored("TLS is not supported yet"), "";
    ssl_session_cache [HTTP SERVER] (1 2) "value ..." = "" => Ignored("TLS is not supported yet"), "";
    ssl_session_tickets [HTTP SERVER] (flag) "on | off" = "" => Ignored("TLS is not supported yet"), "";
    ssl_session_ticket_key [HTTP SERVER] (1) "value" = "" => Ignored("TLS is not supported yet"), "";
    ssl_session_timeout [HTTP SERVER] (1) "value" = "" => Ignored("TLS is not supported yet"), "";
    ssl_crl [HTTP SERVER] (1) "file" = ""
        => refused("it keeps out clients with a revoked certificate"), "Revoked certificates.";
    ssl_ocsp [HTTP SERVER] (flag) "on | off | leaf" = "off"
        => refused_unless("off", "it keeps out clients with a revoked certificate"),
        "Checks clients' certificates by OCSP.";
    ssl_ocsp_responder [HTTP SERVER] (1) "value" = "" => Ignored("TLS is not supported yet"), "";
    ssl_ocsp_cache [HTTP SERVER] (1) "value" = "" => Ignored("TLS is not supported yet"), "";
    ssl_stapling [HTTP SERVER] (flag) "on | off" = "" => Ignored("TLS is not supported yet"), "";
    ssl_stapling_file [HTTP SERVER] (1) "value" = "" => Ignored("TLS is not supported yet"), "";
    ssl_stapling_responder [HTTP SERVER] (1) "value" = "" => Ignored("TLS is not supported yet"), "";
    ssl_stapling_verify [HTTP SERVER] (flag) "on | off" = "" => Ignored("TLS is not supported yet"), "";
    ssl_early_data [HTTP SERVER] (flag) "on | off" = "" => Ignored("TLS is not supported yet"), "";
    ssl_conf_command [HTTP SERVER] (2) "value value" = "" => Ignored("TLS is not supported yet"), "";
    ssl_reject_handshake [HTTP SERVER] (flag) "on | off" = "off"
        => refused_unless("off", "it keeps TLS clients out"), "Refuses handshakes.";
    ssl_certificate_cache [HTTP SERVER] (1 2 3) "value ..." = "" => Ignored("TLS is not supported yet"), "";
    ssl_key_log [HTTP SERVER] (1) "value" = "" => Ignored("TLS is not supported yet"), "";
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
