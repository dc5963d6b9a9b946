//! Protocols other than HTTP towards the app.

use super::directives;
use crate::config::spec::Support::{Closed, Ignored};

directives! { HTTP_FASTCGI, "ngx_http_fastcgi_module";
    fastcgi_pass [LOCATION LOCATION_IF] (1) "address" = ""
        => Closed("passes requests on by FastCGI"), "Passes requests on to a FastCGI app.";
    fastcgi_index [HTTP SERVER LOCATION] (1) "value" = "" => Ignored("fastcgi_pass is not supported yet"), "";
    fastcgi_split_path_info [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("fastcgi_pass is not supported yet"), "";
    fastcgi_store [HTTP SERVER LOCATION] (1) "value" = "" => Ignored("fastcgi_pass is not supported yet"), "";
    fastcgi_store_access [HTTP SERVER LOCATION] (1 2 3) "value ..." = ""
        => Ignored("fastcgi_pass is not supported yet"), "";
    fastcgi_buffering [HTTP SERVER LOCATION] (flag) "on | off" = ""
        => Ignored("fastcgi_pass is not supported yet"), "";
    fastcgi_request_buffering [HTTP SERVER LOCATION] (flag) "on | off" = ""
        => Ignored("fastcgi_pass is not supported yet"), "";
    fastcgi_ignore_client_abort [HTTP SERVER LOCATION] (flag) "on | off" = ""
        => Ignored("fastcgi_pass is not supported yet"), "";
    fastcgi_bind [HTTP SERVER LOCATION] (1 2) "value ..." = ""
        => Ignored("fastcgi_pass is not supported yet"), "";
    fastcgi_socket_keepalive [HTTP SERVER LOCATION] (flag) "on | off" = ""
        => Ignored("fastcgi_pass is not supported yet"), "";
    fastcgi_connect_timeout [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("fastcgi_pass is not supported yet"), "";
    fastcgi_send_timeout [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("fastcgi_pass is not supported yet"), "";
    fastcgi_send_lowat [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("fastcgi_pass is not supported yet"), "";
    fastcgi_buffer_size [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("fastcgi_pass is not supported yet"), "";
    fastcgi_pass_request_headers [HTTP SERVER LOCATION] (flag) "on | off" = ""
        => Ignored("fastcgi_pass is not supported yet"), "";
    fastcgi_pass_request_body [HTTP SERVER LOCATION] (flag) "on | off" = ""
        => Ignored("fastcgi_pass is not supported yet"), "";
    fastcgi_intercept_errors [HTTP SERVER LOCATION] (flag) "on | off" = ""
        => Ignored("fastcgi_pass is not supported yet"), "";
    fastcgi_read_timeout [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("fastcgi_pass is not supported yet"), "";
    fastcgi_buffers [HTTP SERVER LOCATION] (2) "value value" = ""
        => Ignored("fastcgi_pass is not supported yet"), "";
    fastcgi_busy_buffers_size [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("fastcgi_pass is not supported yet"), "";
    fastcgi_force_ranges [HTTP SERVER LOCATION] (flag) "on | off" = ""
        => Ignored("fastcgi_pass is not supported yet"), "";
    fastcgi_limit_rate [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("fastcgi_pass is not supported yet"), "";
    fastcgi_cache [HTTP SERVER LOCATION] (1) "value" = "" => Ignored("fastcgi_pass is not supported yet"), "";
    fastcgi_cache_key [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("fastcgi_pass is not supported yet"), "";
    fastcgi_cache_path [HTTP] (2+) "value value ..." = "" => Ignored("fastcgi_pass is not supported yet"), "";
    fastcgi_cache_bypass [HTTP SERVER LOCATION] (1+) "value ..." = ""
        => Ignored("fastcgi_pass is not supported yet"), "";
    fastcgi_no_cache [HTTP SERVER LOCATION] (1+) "value ..." = ""
        => Ignored("fastcgi_pass is not supported yet"), "";
    fastcgi_cache_valid [HTTP SERVER LOCATION] (1+) "value ..." = ""
        => Ignored("fastcgi_pass is not supported yet"), "";
    fastcgi_cache_min_uses [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("fastcgi_pass is not supported yet"), "";
    fastcgi_cache_max_range_offset [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("fastcgi_pass is not supported yet"), "";
    fastcgi_cache_use_stale [HTTP SERVER LOCATION] (1+) "value ..." = ""
        => Ignored("fastcgi_pass is not supported yet"), "";
    fastcgi_cache_methods [HTTP SERVER LOCATION] (1+) "value ..." = ""
        => Ignored("fastcgi_pass is not supported yet"), "";
    fastcgi_cache_lock [HTTP SERVER LOCATION] (flag) "on | off" = ""
        => Ignored("fastcgi_pass is not supported yet"), "";
    fastcgi_cache_lock_timeout [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("fastcgi_pass is not supported yet"), "";
    fastcgi_cache_lock_age [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("fastcgi_pass is not supported yet"), "";
    fastcgi_cache_revalidate [HTTP SERVER LOCATION] (flag) "on | off" = ""
        => Ignored("fastcgi_pass is not supported yet"), "";
    fastcgi_cache_background_update [HTTP SERVER LOCATION] (flag) "on | off" = ""
        => Ignored("fastcgi_pass is not supported yet"), "";
    fastcgi_temp_path [HTTP SERVER LOCATION] (1 2 3 4) "value ..." = ""
        => Ignored("fastcgi_pass is not supported yet"), "";
    fastcgi_max_temp_file_size [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("fastcgi_pass is not supported yet"), "";
    fastcgi_temp_file_write_size [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("fastcgi_pass is not supported yet"), "";
    fastcgi_next_upstream [HTTP SERVER LOCATION] (1+) "value ..." = ""
        => Ignored("fastcgi_pass is not supported yet"), "";
    fastcgi_next_upstream_tries [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("fastcgi_pass is not supported yet"), "";
    fastcgi_next_upstream_timeout [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("fastcgi_pass is not supported yet"), "";
    fastcgi_param [HTTP SERVER LOCATION] (2 3) "value ..." = ""
        => Ignored("fastcgi_pass is not supported yet"), "";
    fastcgi_pass_header [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("fastcgi_pass is not supported yet"), "";
    fastcgi_hide_header [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("fastcgi_pass is not supported yet"), "";
    fastcgi_ignore_headers [HTTP SERVER LOCATION] (1+) "value ..." = ""
        => Ignored("fastcgi_pass is not supported yet"), "";
    fastcgi_catch_stderr [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("fastcgi_pass is not supported yet"), "";
    fastcgi_keep_conn [HTTP SERVER LOCATION] (flag) "on | off" = ""
        => Ignored("fastcgi_pass is not supported yet"), "";
}

directives! { HTTP_UWSGI, "ngx_http_uwsgi_module";
    uwsgi_pass [LOCATION LOCATION_IF] (1) "address" = ""
        => Closed("passes requests on by the uwsgi protocol"), "Passes requests on to a uWSGI app.";
    uwsgi_modifier1 [HTTP SERVER LOCATION] (1) "value" = "" => Ignored("uwsgi_pass is not supported yet"), "";
    uwsgi_modifier2 [HTTP SERVER LOCATION] (1) "value" = "" => Ignored("uwsgi_pass is not supported yet"), "";
    uwsgi_store [HTTP SERVER LOCATION] (1) "value" = "" => Ignored("uwsgi_pass is not supported yet"), "";
    uwsgi_store_access [HTTP SERVER LOCATION] (1 2 3) "value ..." = ""
        => Ignored("uwsgi_pass is not supported yet"), "";
    uwsgi_buffering [HTTP SERVER LOCATION] (flag) "on | off" = ""
        => Ignored("uwsgi_pass is not supported yet"), "";
    uwsgi_request_buffering [HTTP SERVER LOCATION] (flag) "on | off" = ""
        => Ignored("uwsgi_pass is not supported yet"), "";
    uwsgi_ignore_client_abort [HTTP SERVER LOCATION] (flag) "on | off" = ""
        => Ignored("uwsgi_pass is not supported yet"), "";
    uwsgi_bind [HTTP SERVER LOCATION] (1 2) "value ..." = ""
        => Ignored("uwsgi_pass is not supported yet"), "";
    uwsgi_socket_keepalive [HTTP SERVER LOCATION] (flag) "on | off" = ""
        => Ignored("uwsgi_pass is not supported yet"), "";
    uwsgi_connect_timeout [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("uwsgi_pass is not supported yet"), "";
    uwsgi_send_timeout [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("uwsgi_pass is not supported yet"), "";
    uwsgi_buffer_size [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("uwsgi_pass is not supported yet"), "";
    uwsgi_pass_request_headers [HTTP SERVER LOCATION] (flag) "on | off" = ""
        => Ignored("uwsgi_pass is not supported yet"), "";
    uwsgi_pass_request_body [HTTP SERVER LOCATION] (flag) "on | off" = ""
        => Ignored("uwsgi_pass is not supported yet"), "";
    uwsgi_intercept_errors [HTTP SERVER LOCATION] (flag) "on | off" = ""
        => Ignored("uwsgi_pass is not supported yet"), "";
    uwsgi_read_timeout [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("uwsgi_pass is not supported yet"), "";
    uwsgi_buffers [HTTP SERVER LOCATION] (2) "value value" = ""
        => Ignored("uwsgi_pass is not supported yet"), "";
    uwsgi_busy_buffers_size [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("uwsgi_pass is not supported yet"), "";
    uwsgi_force_ranges [HTTP SERVER LOCATION] (flag) "on | off" = ""
        => Ignored("uwsgi_pass is not supported yet"), "";
    uwsgi_limit_rate [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("uwsgi_pass is not supported yet"), "";
    uwsgi_cache [HTTP SERVER LOCATION] (1) "value" = "" => Ignored("uwsgi_pass is not supported yet"), "";
    uwsgi_cache_key [HTTP SERVER LOCATION] (1) "value" = "" => Ignored("uwsgi_pass is not supported yet"), "";
    uwsgi_cache_path [HTTP] (2+) "value value ..." = "" => Ignored("uwsgi_pass is not supported yet"), "";
    uwsgi_cache_bypass [HTTP SERVER LOCATION] (1+) "value ..." = ""
        => Ignored("uwsgi_pass is not supported yet"), "";
    uwsgi_no_cache [HTTP SERVER LOCATION] (1+) "value ..." = ""
        => Ignored("uwsgi_pass is not supported yet"), "";
    uwsgi_cache_valid [HTTP SERVER LOCATION] (1+) "value ..." = ""
        => Ignored("uwsgi_pass is not supported yet"), "";
    uwsgi_cache_min_uses [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("uwsgi_pass is not supported yet"), "";
    uwsgi_cache_max_range_offset [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("uwsgi_pass is not supported yet"), "";
    uwsgi_cache_use_stale [HTTP SERVER LOCATION] (1+) "value ..." = ""
        => Ignored("uwsgi_pass is not supported yet"), "";
    uwsgi_cache_methods [HTTP SERVER LOCATION] (1+) "value ..." = ""
        => Ignored("uwsgi_pass is not supported yet"), "";
    uwsgi_cache_lock [HTTP SERVER LOCATION] (flag) "on | off" = ""
        => Ignored("uwsgi_pass is not supported yet"), "";
    uwsgi_cache_lock_timeout [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("uwsgi_pass is not supported yet"), "";
    uwsgi_cache_lock_age [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("uwsgi_pass is not supported yet"), "";
    uwsgi_cache_revalidate [HTTP SERVER LOCATION] (flag) "on | off" = ""
        => Ignored("uwsgi_pass is not supported yet"), "";
    uwsgi_cache_background_update [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("uwsgi_pass is not supported yet"), "";
    uwsgi_temp_path [HTTP SERVER LOCATION] (1 2 3 4) "value ..." = ""
        => Ignored("uwsgi_pass is not supported yet"), "";
    uwsgi_max_temp_file_size [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("uwsgi_pass is not supported yet"), "";
    uwsgi_temp_file_write_size [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("uwsgi_pass is not supported yet"), "";
    uwsgi_next_upstream [HTTP SERVER LOCATION] (1+) "value ..." = ""
        => Ignored("uwsgi_pass is not supported yet"), "";
    uwsgi_next_upstream_tries [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("uwsgi_pass is not supported yet"), "";
    uwsgi_next_upstream_timeout [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("uwsgi_pass is not supported yet"), "";
    uwsgi_param [HTTP SERVER LOCATION] (2 3) "value ..." = ""
        => Ignored("uwsgi_pass is not supported yet"), "";
    uwsgi_string [HTTP SERVER LOCATION] (1) "value" = "" => Ignored("uwsgi_pass is not supported yet"), "";
    uwsgi_pass_header [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("uwsgi_pass is not supported yet"), "";
    uwsgi_hide_header [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("uwsgi_pass is not supported yet"), "";
    uwsgi_ignore_headers [HTTP SERVER LOCATION] (1+) "value ..." = ""
        => Ignored("uwsgi_pass is not supported yet"), "";
    uwsgi_ssl_session_reuse [HTTP SERVER LOCATION] (flag) "on | off" = ""
        => Ignored("uwsgi_pass is not supported yet"), "";
    uwsgi_ssl_protocols [HTTP SERVER LOCATION] (1+) "value ..." = ""
        => Ignored("uwsgi_pass is not supported yet"), "";
    uwsgi_ssl_ciphers [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("uwsgi_pass is not supported yet"), "";
    uwsgi_ssl_name [HTTP SERVER LOCATION] (1) "value" = "" => Ignored("uwsgi_pass is not supported yet"), "";
    uwsgi_ssl_server_name [HTTP SERVER LOCATION] (flag) "on | off" = ""
        => Ignored("uwsgi_pass is not supported yet"), "";
    uwsgi_ssl_verify [HTTP SERVER LOCATION] (flag) "on | off" = ""
        => Ignored("uwsgi_pass is not supported yet"), "";
    uwsgi_ssl_verify_depth [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("uwsgi_pass is not supported yet"), "";
    uwsgi_ssl_trusted_certificate [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("uwsgi_pass is not supported yet"), "";
    uwsgi_ssl_crl [HTTP SERVER LOCATION] (1) "value" = "" => Ignored("uwsgi_pass is not supported yet"), "";
    uwsgi_ssl_certificate [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("uwsgi_pass is not supported yet"), "";
    uwsgi_ssl_certificate_key [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("uwsgi_pass is not supported yet"), "";
    uwsgi_ssl_password_file [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("uwsgi_pass is not supported yet"), "";
    uwsgi_ssl_conf_command [HTTP SERVER LOCATION] (2) "value value" = ""
        => Ignored("uwsgi_pass is not supported yet"), "";
}

directives! { HTTP_SCGI, "ngx_http_scgi_module";
    scgi_pass [LOCATION LOCATION_IF] (1) "address" = ""
        => Closed("passes requests on by SCGI"), "Passes requests on to an SCGI app.";
    scgi_store [HTTP SERVER LOCATION] (1) "value" = "" => Ignored("scgi_pass is not supported yet"), "";
    scgi_store_access [HTTP SERVER LOCATION] (1 2 3) "value ..." = ""
        => Ignored("scgi_pass is not supported yet"), "";
    scgi_buffering [HTTP SERVER LOCATION] (flag) "on | off" = ""
        => Ignored("scgi_pass is not supported yet"), "";
    scgi_request_buffering [HTTP SERVER LOCATION] (flag) "on | off" = ""
        => Ignored("scgi_pass is not supported yet"), "";
    scgi_ignore_client_abort [HTTP SERVER LOCATION] (flag) "on | off" = ""
        => Ignored("scgi_pass is not supported yet"), "";
    scgi_bind [HTTP SERVER LOCATION] (1 2) "value ..." = "" => Ignored("scgi_pass is not supported yet"), "";
    scgi_socket_keepalive [HTTP SERVER LOCATION] (flag) "on | off" = ""
        => Ignored("scgi_pass is not supported yet"), "";
    scgi_connect_timeout [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("scgi_pass is not supported yet"), "";
    scgi_send_timeout [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("scgi_pass is not supported yet"), "";
    scgi_buffer_size [HTTP SERVER LOCATION] (1) "value" = "" => Ignored("scgi_pass is not supported yet"), "";
    scgi_pass_request_headers [HTTP SERVER LOCATION] (flag) "on | off" = ""
        => Ignored("scgi_pass is not supported yet"), "";
    scgi_pass_request_body [HTTP SERVER LOCATION] (flag) "on | off" = ""
        => Ignored("scgi_pass is not supported yet"), "";
    scgi_intercept_errors [HTTP SERVER LOCATION] (flag) "on | off" = ""
        => Ignored("scgi_pass is not supported yet"), "";
    scgi_read_timeout [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("scgi_pass is not supported yet"), "";
    scgi_buffers [HTTP SERVER LOCATION] (2) "value value" = ""
        => Ignored("scgi_pass is not supported yet"), "";
    scgi_busy_buffers_size [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("scgi_pass is not supported yet"), "";
    scgi_force_ranges [HTTP SERVER LOCATION] (flag) "on | off" = ""
        => Ignored("scgi_pass is not supported yet"), "";
    scgi_limit_rate [HTTP SERVER LOCATION] (1) "value" = "" => Ignored("scgi_pass is not supported yet"), "";
    scgi_cache [HTTP SERVER LOCATION] (1) "value" = "" => Ignored("scgi_pass is not supported yet"), "";
    scgi_cache_key [HTTP SERVER LOCATION] (1) "value" = "" => Ignored("scgi_pass is not supported yet"), "";
    scgi_cache_path [HTTP] (2+) "value value ..." = "" => Ignored("scgi_pass is not supported yet"), "";
    scgi_cache_bypass [HTTP SERVER LOCATION] (1+) "value ..." = ""
        => Ignored("scgi_pass is not supported yet"), "";
    scgi_no_cache [HTTP SERVER LOCATION] (1+) "value ..." = ""
        => Ignored("scgi_pass is not supported yet"), "";
    scgi_cache_valid [HTTP SERVER LOCATION] (1+) "value ..." = ""
        => Ignored("scgi_pass is not supported yet"), "";
    scgi_cache_min_uses [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("scgi_pass is not supported yet"), "";
    scgi_cache_max_range_offset [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("scgi_pass is not supported yet"), "";
    scgi_cache_use_stale [HTTP SERVER LOCATION] (1+) "value ..." = ""
        => Ignored("scgi_pass is not supported yet"), "";
    scgi_cache_methods [HTTP SERVER LOCATION] (1+) "value ..." = ""
        => Ignored("scgi_pass is not supported yet"), "";
    scgi_cache_lock [HTTP SERVER LOCATION] (flag) "on | off" = ""
        => Ignored("scgi_pass is not supported yet"), "";
    scgi_cache_lock_timeout [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("scgi_pass is not supported yet"), "";
    scgi_cache_lock_age [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("scgi_pass is not supported yet"), "";
    scgi_cache_revalidate [HTTP SERVER LOCATION] (flag) "on | off" = ""
        => Ignored("scgi_pass is not supported yet"), "";
    scgi_cache_background_update [HTTP SERVER LOCATION] (flag) "on | off" = ""
        => Ignored("scgi_pass is not supported yet"), "";
    scgi_temp_path [HTTP SERVER LOCATION] (1 2 3 4) "value ..." = ""
        => Ignored("scgi_pass is not supported yet"), "";
    scgi_max_temp_file_size [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("scgi_pass is not supported yet"), "";
    scgi_temp_file_write_size [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("scgi_pass is not supported yet"), "";
    scgi_next_upstream [HTTP SERVER LOCATION] (1+) "value ..." = ""
        => Ignored("scgi_pass is not supported yet"), "";
    scgi_next_upstream_tries [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("scgi_pass is not supported yet"), "";
    scgi_next_upstream_timeout [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("scgi_pass is not supported yet"), "";
    scgi_param [HTTP SERVER LOCATION] (2 3) "value ..." = "" => Ignored("scgi_pass is not supported yet"), "";
    scgi_pass_header [HTTP SERVER LOCATION] (1) "value" = "" => Ignored("scgi_pass is not supported yet"), "";
    scgi_hide_header [HTTP SERVER LOCATION] (1) "value" = "" => Ignored("scgi_pass is not supported yet"), "";
    scgi_ignore_headers [HTTP SERVER LOCATION] (1+) "value ..." = ""
        => Ignored("scgi_pass is not supported yet"), "";
}

directives! { HTTP_MEMCACHED, "ngx_http_memcached_module";
    memcached_pass [LOCATION LOCATION_IF] (1) "address" = ""
        => Closed("answers from memcached"), "Answers from memcached.";
    memcached_bind [HTTP SERVER LOCATION] (1 2) "value ..." = ""
        => Ignored("memcached_pass is not supported yet"), "";
    memcached_socket_keepalive [HTTP SERVER LOCATION] (flag) "on | off" = ""
        => Ignored("memcached_pass is not supported yet"), "";
    memcached_connect_timeout [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("memcached_pass is not supported yet"), "";
    memcached_send_timeout [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("memcached_pass is not supported yet"), "";
    memcached_buffer_size [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("memcached_pass is not supported yet"), "";
    memcached_read_timeout [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("memcached_pass is not supported yet"), "";
    memcached_next_upstream [HTTP SERVER LOCATION] (1+) "value ..." = ""
        => Ignored("memcached_pass is not supported yet"), "";
    memcached_next_upstream_tries [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("memcached_pass is not supported yet"), "";
    memcached_next_upstream_timeout [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("memcached_pass is not supported yet"), "";
    memcached_gzip_flag [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("memcached_pass is not supported yet"), "";
}

directives! { HTTP_GRPC, "ngx_http_grpc_module";
    grpc_pass [LOCATION LOCATION_IF] (1) "address" = ""
        => Closed("passes requests on by gRPC"), "Passes requests on to a gRPC app.";
    grpc_bind [HTTP SERVER LOCATION] (1 2) "value ..." = "" => Ignored("grpc_pass is not supported yet"), "";
    grpc_socket_keepalive [HTTP SERVER LOCATION] (flag) "on | off" = ""
        => Ignored("grpc_pass is not supported yet"), "";
    grpc_connect_timeout [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("grpc_pass is not supported yet"), "";
    grpc_send_timeout [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("grpc_pass is not supported yet"), "";
    grpc_intercept_errors [HTTP SERVER LOCATION] (flag) "on | off" = ""
        => Ignored("grpc_pass is not supported yet"), "";
    grpc_buffer_size [HTTP SERVER LOCATION] (1) "value" = "" => Ignored("grpc_pass is not supported yet"), "";
    grpc_read_timeout [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("grpc_pass is not supported yet"), "";
    grpc_next_upstream [HTTP SERVER LOCATION] (1+) "value ..." = ""
        => Ignored("grpc_pass is not supported yet"), "";
    grpc_next_upstream_tries [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("grpc_pass is not supported yet"), "";
    grpc_next_upstream_timeout [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("grpc_pass is not supported yet"), "";
    grpc_set_header [HTTP SERVER LOCATION] (2) "value value" = ""
        => Ignored("grpc_pass is not supported yet"), "";
    grpc_pass_header [HTTP SERVER LOCATION] (1) "value" = "" => Ignored("grpc_pass is not supported yet"), "";
    grpc_hide_header [HTTP SERVER LOCATION] (1) "value" = "" => Ignored("grpc_pass is not supported yet"), "";
    grpc_ignore_headers [HTTP SERVER LOCATION] (1+) "value ..." = ""
        => Ignored("grpc_pass is not supported yet"), "";
    grpc_ssl_session_reuse [HTTP SERVER LOCATION] (flag) "on | off" = ""
        => Ignored("grpc_pass is not supported yet"), "";
    grpc_ssl_protocols [HTTP SERVER LOCATION] (1+) "value ..." = ""
        => Ignored("grpc_pass is not supported yet"), "";
    grpc_ssl_ciphers [HTTP SERVER LOCATION] (1) "value" = "" => Ignored("grpc_pass is not supported yet"), "";
    grpc_ssl_name [HTTP SERVER LOCATION] (1) "value" = "" => Ignored("grpc_pass is not supported yet"), "";
    grpc_ssl_server_name [HTTP SERVER LOCATION] (flag) "on | off" = ""
        => Ignored("grpc_pass is not supported yet"), "";
    grpc_ssl_verify [HTTP SERVER LOCATION] (flag) "on | off" = ""
        => Ignored("grpc_pass is not supported yet"), "";
    grpc_ssl_verify_depth [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("grpc_pass is not supported yet"), "";
    grpc_ssl_trusted_certificate [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("grpc_pass is not supported yet"), "";
    grpc_ssl_crl [HTTP SERVER LOCATION] (1) "value" = "" => Ignored("grpc_pass is not supported yet"), "";
    grpc_ssl_certificate [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("grpc_pass is not supported yet"), "";
    grpc_ssl_certificate_key [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("grpc_pass is not supported yet"), "";
    grpc_ssl_password_file [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("grpc_pass is not supported yet"), "";
    grpc_ssl_conf_command [HTTP SERVER LOCATION] (2) "value value" = ""
        => Ignored("grpc_pass is not supported yet"), "";
}
