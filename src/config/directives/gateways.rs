//! Protocols other than HTTP towards the app.

use super::directives;
use crate::config::spec::Support::{Accepted, Closed, Ignored, Supported};

directives! { HTTP_FASTCGI, "ngx_http_fastcgi_module";
    fastcgi_pass [LOCATION LOCATION_IF] (1) "address" = ""
        => Supported, "Passes requests on to a FastCGI app.";
    fastcgi_index [HTTP SERVER LOCATION] (1) "name" = ""
        => Supported, "Follows a script name that ends with a slash.";
    fastcgi_split_path_info [HTTP SERVER LOCATION] (1) "regex" = ""
        => Supported, "Divides the URI into script name and path.";
    fastcgi_store [HTTP SERVER LOCATION] (1) "on | off | string" = "off"
        => Supported, "Stores responses as files.";
    fastcgi_store_access [HTTP SERVER LOCATION] (1 2 3) "who:rights ..." = "user:rw"
        => Supported, "Mode of stored files.";
    fastcgi_buffering [HTTP SERVER LOCATION] (flag) "on | off" = "on"
        => Supported, "Takes the response from the app at once, whatever the client can take.";
    fastcgi_request_buffering [HTTP SERVER LOCATION] (flag) "on | off" = "on"
        => Supported, "Reads the whole request body before the app is asked.";
    fastcgi_ignore_client_abort [HTTP SERVER LOCATION] (flag) "on | off" = "off"
        => Supported, "Lets the app finish when the client has gone.";
    fastcgi_bind [HTTP SERVER LOCATION] (1 2) "address [transparent] | off" = ""
        => Supported, "Local address towards the app.";
    fastcgi_socket_keepalive [HTTP SERVER LOCATION] (flag) "on | off" = "off"
        => Supported, "SO_KEEPALIVE on connections to the app.";
    fastcgi_connect_timeout [HTTP SERVER LOCATION] (1) "time" = "60s"
        => Supported, "How long a connection to the app may take.";
    fastcgi_send_timeout [HTTP SERVER LOCATION] (1) "time" = "60s"
        => Supported, "Between two writes to the app.";
    fastcgi_send_lowat [HTTP SERVER LOCATION] (1) "size" = "0"
        => Accepted("has no effect on Linux"), "Watermark of sending.";
    fastcgi_buffer_size [HTTP SERVER LOCATION] (1) "size" = "8k"
        => Supported, "Bound of the response's header.";
    fastcgi_pass_request_headers [HTTP SERVER LOCATION] (flag) "on | off" = "on"
        => Supported, "Passes on the client's header.";
    fastcgi_pass_request_body [HTTP SERVER LOCATION] (flag) "on | off" = "on"
        => Supported, "Passes on the client's body.";
    fastcgi_intercept_errors [HTTP SERVER LOCATION] (flag) "on | off" = "off"
        => Supported, "Uses error_page for the app's errors.";
    fastcgi_read_timeout [HTTP SERVER LOCATION] (1) "time" = "60s"
        => Supported, "Between two reads from the app.";
    fastcgi_buffers [HTTP SERVER LOCATION] (2) "number size" = "8 8k"
        => Supported, "Memory for one response.";
    fastcgi_busy_buffers_size [HTTP SERVER LOCATION] (1) "size" = "16k"
        => Accepted("memory is bounded by fastcgi_buffers"), "What may be on its way to the client.";
    fastcgi_force_ranges [HTTP SERVER LOCATION] (flag) "on | off" = "off"
        => Supported, "Answers ranges whatever the app says.";
    fastcgi_limit_rate [HTTP SERVER LOCATION] (1) "rate" = "0"
        => Supported, "Bytes per second from the app.";
    fastcgi_cache [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("nothing is cached, every request goes to the app"), "";
    fastcgi_cache_key [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("nothing is cached, every request goes to the app"), "";
    fastcgi_cache_path [HTTP] (2+) "value value ..." = ""
        => Ignored("nothing is cached, every request goes to the app"), "";
    fastcgi_cache_bypass [HTTP SERVER LOCATION] (1+) "value ..." = ""
        => Ignored("nothing is cached, every request goes to the app"), "";
    fastcgi_no_cache [HTTP SERVER LOCATION] (1+) "value ..." = ""
        => Ignored("nothing is cached, every request goes to the app"), "";
    fastcgi_cache_valid [HTTP SERVER LOCATION] (1+) "value ..." = ""
        => Ignored("nothing is cached, every request goes to the app"), "";
    fastcgi_cache_min_uses [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("nothing is cached, every request goes to the app"), "";
    fastcgi_cache_max_range_offset [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("nothing is cached, every request goes to the app"), "";
    fastcgi_cache_use_stale [HTTP SERVER LOCATION] (1+) "value ..." = ""
        => Ignored("nothing is cached, every request goes to the app"), "";
    fastcgi_cache_methods [HTTP SERVER LOCATION] (1+) "value ..." = ""
        => Ignored("nothing is cached, every request goes to the app"), "";
    fastcgi_cache_lock [HTTP SERVER LOCATION] (flag) "on | off" = ""
        => Ignored("nothing is cached, every request goes to the app"), "";
    fastcgi_cache_lock_timeout [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("nothing is cached, every request goes to the app"), "";
    fastcgi_cache_lock_age [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("nothing is cached, every request goes to the app"), "";
    fastcgi_cache_revalidate [HTTP SERVER LOCATION] (flag) "on | off" = ""
        => Ignored("nothing is cached, every request goes to the app"), "";
    fastcgi_cache_background_update [HTTP SERVER LOCATION] (flag) "on | off" = ""
        => Ignored("nothing is cached, every request goes to the app"), "";
    fastcgi_temp_path [HTTP SERVER LOCATION] (1 2 3 4) "path [level1 [level2 [level3]]]" = "fastcgi_temp"
        => Supported, "Folder of temporary files.";
    fastcgi_max_temp_file_size [HTTP SERVER LOCATION] (1) "size" = "1024m"
        => Supported, "Bound of a response's temporary file.";
    fastcgi_temp_file_write_size [HTTP SERVER LOCATION] (1) "size" = "16k"
        => Accepted("pieces have a size of their own"), "Bound of one write to a temporary file.";
    fastcgi_next_upstream [HTTP SERVER LOCATION] (1+) "error | timeout | ... | off" = "error timeout"
        => Supported, "When the next server of a group is asked.";
    fastcgi_next_upstream_tries [HTTP SERVER LOCATION] (1) "number" = "0" => Supported, "How many are asked.";
    fastcgi_next_upstream_timeout [HTTP SERVER LOCATION] (1) "time" = "0"
        => Supported, "For how long others are asked.";
    fastcgi_param [HTTP SERVER LOCATION] (2 3) "parameter value [if_not_empty]" = ""
        => Supported, "A variable of the request to the app.";
    fastcgi_pass_header [HTTP SERVER LOCATION] (1) "field" = ""
        => Supported, "Passes on a field that is hidden otherwise.";
    fastcgi_hide_header [HTTP SERVER LOCATION] (1) "field" = ""
        => Supported, "Keeps a field of the app's response from the client.";
    fastcgi_ignore_headers [HTTP SERVER LOCATION] (1+) "field ..." = ""
        => Supported, "Does not obey these fields of the app.";
    fastcgi_catch_stderr [HTTP SERVER LOCATION] (1) "string" = ""
        => Supported, "Text in stderr that makes an answer a failed one.";
    fastcgi_keep_conn [HTTP SERVER LOCATION] (flag) "on | off" = "off"
        => Supported, "Asks the app to leave the connection open.";
}

directives! { HTTP_UWSGI, "ngx_http_uwsgi_module";
    uwsgi_pass [LOCATION LOCATION_IF] (1) "address" = "" => Supported, "Passes requests on to a uWSGI app.";
    uwsgi_modifier1 [HTTP SERVER LOCATION] (1) "number" = "0" => Supported, "First modifier of the request.";
    uwsgi_modifier2 [HTTP SERVER LOCATION] (1) "number" = "0" => Supported, "Second modifier of the request.";
    uwsgi_store [HTTP SERVER LOCATION] (1) "on | off | string" = "off"
        => Supported, "Stores responses as files.";
    uwsgi_store_access [HTTP SERVER LOCATION] (1 2 3) "who:rights ..." = "user:rw"
        => Supported, "Mode of stored files.";
    uwsgi_buffering [HTTP SERVER LOCATION] (flag) "on | off" = "on"
        => Supported, "Takes the response from the app at once, whatever the client can take.";
    uwsgi_request_buffering [HTTP SERVER LOCATION] (flag) "on | off" = "on"
        => Supported, "Reads the whole request body before the app is asked.";
    uwsgi_ignore_client_abort [HTTP SERVER LOCATION] (flag) "on | off" = "off"
        => Supported, "Lets the app finish when the client has gone.";
    uwsgi_bind [HTTP SERVER LOCATION] (1 2) "address [transparent] | off" = ""
        => Supported, "Local address towards the app.";
    uwsgi_socket_keepalive [HTTP SERVER LOCATION] (flag) "on | off" = "off"
        => Supported, "SO_KEEPALIVE on connections to the app.";
    uwsgi_connect_timeout [HTTP SERVER LOCATION] (1) "time" = "60s"
        => Supported, "How long a connection to the app may take.";
    uwsgi_send_timeout [HTTP SERVER LOCATION] (1) "time" = "60s"
        => Supported, "Between two writes to the app.";
    uwsgi_buffer_size [HTTP SERVER LOCATION] (1) "size" = "8k"
        => Supported, "Bound of the response's header.";
    uwsgi_pass_request_headers [HTTP SERVER LOCATION] (flag) "on | off" = "on"
        => Supported, "Passes on the client's header.";
    uwsgi_pass_request_body [HTTP SERVER LOCATION] (flag) "on | off" = "on"
        => Supported, "Passes on the client's body.";
    uwsgi_intercept_errors [HTTP SERVER LOCATION] (flag) "on | off" = "off"
        => Supported, "Uses error_page for the app's errors.";
    uwsgi_read_timeout [HTTP SERVER LOCATION] (1) "time" = "60s"
        => Supported, "Between two reads from the app.";
    uwsgi_buffers [HTTP SERVER LOCATION] (2) "number size" = "8 8k" => Supported, "Memory for one response.";
    uwsgi_busy_buffers_size [HTTP SERVER LOCATION] (1) "size" = "16k"
        => Accepted("memory is bounded by uwsgi_buffers"), "What may be on its way to the client.";
    uwsgi_force_ranges [HTTP SERVER LOCATION] (flag) "on | off" = "off"
        => Supported, "Answers ranges whatever the app says.";
    uwsgi_limit_rate [HTTP SERVER LOCATION] (1) "rate" = "0"
        => Supported, "Bytes per second from the app.";
    uwsgi_cache [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("nothing is cached, every request goes to the app"), "";
    uwsgi_cache_key [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("nothing is cached, every request goes to the app"), "";
    uwsgi_cache_path [HTTP] (2+) "value value ..." = ""
        => Ignored("nothing is cached, every request goes to the app"), "";
    uwsgi_cache_bypass [HTTP SERVER LOCATION] (1+) "value ..." = ""
        => Ignored("nothing is cached, every request goes to the app"), "";
    uwsgi_no_cache [HTTP SERVER LOCATION] (1+) "value ..." = ""
        => Ignored("nothing is cached, every request goes to the app"), "";
    uwsgi_cache_valid [HTTP SERVER LOCATION] (1+) "value ..." = ""
        => Ignored("nothing is cached, every request goes to the app"), "";
    uwsgi_cache_min_uses [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("nothing is cached, every request goes to the app"), "";
    uwsgi_cache_max_range_offset [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("nothing is cached, every request goes to the app"), "";
    uwsgi_cache_use_stale [HTTP SERVER LOCATION] (1+) "value ..." = ""
        => Ignored("nothing is cached, every request goes to the app"), "";
    uwsgi_cache_methods [HTTP SERVER LOCATION] (1+) "value ..." = ""
        => Ignored("nothing is cached, every request goes to the app"), "";
    uwsgi_cache_lock [HTTP SERVER LOCATION] (flag) "on | off" = ""
        => Ignored("nothing is cached, every request goes to the app"), "";
    uwsgi_cache_lock_timeout [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("nothing is cached, every request goes to the app"), "";
    uwsgi_cache_lock_age [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("nothing is cached, every request goes to the app"), "";
    uwsgi_cache_revalidate [HTTP SERVER LOCATION] (flag) "on | off" = ""
        => Ignored("nothing is cached, every request goes to the app"), "";
    uwsgi_cache_background_update [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("nothing is cached, every request goes to the app"), "";
    uwsgi_temp_path [HTTP SERVER LOCATION] (1 2 3 4) "path [level1 [level2 [level3]]]" = "uwsgi_temp"
        => Supported, "Folder of temporary files.";
    uwsgi_max_temp_file_size [HTTP SERVER LOCATION] (1) "size" = "1024m"
        => Supported, "Bound of a response's temporary file.";
    uwsgi_temp_file_write_size [HTTP SERVER LOCATION] (1) "size" = "16k"
        => Accepted("pieces have a size of their own"), "Bound of one write to a temporary file.";
    uwsgi_next_upstream [HTTP SERVER LOCATION] (1+) "error | timeout | ... | off" = "error timeout"
        => Supported, "When the next server of a group is asked.";
    uwsgi_next_upstream_tries [HTTP SERVER LOCATION] (1) "number" = "0" => Supported, "How many are asked.";
    uwsgi_next_upstream_timeout [HTTP SERVER LOCATION] (1) "time" = "0"
        => Supported, "For how long others are asked.";
    uwsgi_param [HTTP SERVER LOCATION] (2 3) "parameter value [if_not_empty]" = ""
        => Supported, "A variable of the request to the app.";
    uwsgi_string [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("nothing is appended to the variables"), "";
    uwsgi_pass_header [HTTP SERVER LOCATION] (1) "field" = ""
        => Supported, "Passes on a field that is hidden otherwise.";
    uwsgi_hide_header [HTTP SERVER LOCATION] (1) "field" = ""
        => Supported, "Keeps a field of the app's response from the client.";
    uwsgi_ignore_headers [HTTP SERVER LOCATION] (1+) "field ..." = ""
        => Supported, "Does not obey these fields of the app.";
    uwsgi_ssl_session_reuse [HTTP SERVER LOCATION] (flag) "on | off" = ""
        => Ignored("TLS to apps is not supported yet"), "";
    uwsgi_ssl_protocols [HTTP SERVER LOCATION] (1+) "value ..." = ""
        => Ignored("TLS to apps is not supported yet"), "";
    uwsgi_ssl_ciphers [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("TLS to apps is not supported yet"), "";
    uwsgi_ssl_name [HTTP SERVER LOCATION] (1) "value" = "" => Ignored("TLS to apps is not supported yet"), "";
    uwsgi_ssl_server_name [HTTP SERVER LOCATION] (flag) "on | off" = ""
        => Ignored("TLS to apps is not supported yet"), "";
    uwsgi_ssl_verify [HTTP SERVER LOCATION] (flag) "on | off" = ""
        => Ignored("TLS to apps is not supported yet"), "";
    uwsgi_ssl_verify_depth [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("TLS to apps is not supported yet"), "";
    uwsgi_ssl_trusted_certificate [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("TLS to apps is not supported yet"), "";
    uwsgi_ssl_crl [HTTP SERVER LOCATION] (1) "value" = "" => Ignored("TLS to apps is not supported yet"), "";
    uwsgi_ssl_certificate [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("TLS to apps is not supported yet"), "";
    uwsgi_ssl_certificate_key [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("TLS to apps is not supported yet"), "";
    uwsgi_ssl_password_file [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("TLS to apps is not supported yet"), "";
    uwsgi_ssl_conf_command [HTTP SERVER LOCATION] (2) "value value" = ""
        => Ignored("TLS to apps is not supported yet"), "";
}

directives! { HTTP_SCGI, "ngx_http_scgi_module";
    scgi_pass [LOCATION LOCATION_IF] (1) "address" = "" => Supported, "Passes requests on to an SCGI app.";
    scgi_store [HTTP SERVER LOCATION] (1) "on | off | string" = "off"
        => Supported, "Stores responses as files.";
    scgi_store_access [HTTP SERVER LOCATION] (1 2 3) "who:rights ..." = "user:rw"
        => Supported, "Mode of stored files.";
    scgi_buffering [HTTP SERVER LOCATION] (flag) "on | off" = "on"
        => Supported, "Takes the response from the app at once, whatever the client can take.";
    scgi_request_buffering [HTTP SERVER LOCATION] (flag) "on | off" = "on"
        => Supported, "Reads the whole request body before the app is asked.";
    scgi_ignore_client_abort [HTTP SERVER LOCATION] (flag) "on | off" = "off"
        => Supported, "Lets the app finish when the client has gone.";
    scgi_bind [HTTP SERVER LOCATION] (1 2) "address [transparent] | off" = ""
        => Supported, "Local address towards the app.";
    scgi_socket_keepalive [HTTP SERVER LOCATION] (flag) "on | off" = "off"
        => Supported, "SO_KEEPALIVE on connections to the app.";
    scgi_connect_timeout [HTTP SERVER LOCATION] (1) "time" = "60s"
        => Supported, "How long a connection to the app may take.";
    scgi_send_timeout [HTTP SERVER LOCATION] (1) "time" = "60s"
        => Supported, "Between two writes to the app.";
    scgi_buffer_size [HTTP SERVER LOCATION] (1) "size" = "8k" => Supported, "Bound of the response's header.";
    scgi_pass_request_headers [HTTP SERVER LOCATION] (flag) "on | off" = "on"
        => Supported, "Passes on the client's header.";
    scgi_pass_request_body [HTTP SERVER LOCATION] (flag) "on | off" = "on"
        => Supported, "Passes on the client's body.";
    scgi_intercept_errors [HTTP SERVER LOCATION] (flag) "on | off" = "off"
        => Supported, "Uses error_page for the app's errors.";
    scgi_read_timeout [HTTP SERVER LOCATION] (1) "time" = "60s"
        => Supported, "Between two reads from the app.";
    scgi_buffers [HTTP SERVER LOCATION] (2) "number size" = "8 8k" => Supported, "Memory for one response.";
    scgi_busy_buffers_size [HTTP SERVER LOCATION] (1) "size" = "16k"
        => Accepted("memory is bounded by scgi_buffers"), "What may be on its way to the client.";
    scgi_force_ranges [HTTP SERVER LOCATION] (flag) "on | off" = "off"
        => Supported, "Answers ranges whatever the app says.";
    scgi_limit_rate [HTTP SERVER LOCATION] (1) "rate" = "0"
        => Supported, "Bytes per second from the app.";
    scgi_cache [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("nothing is cached, every request goes to the app"), "";
    scgi_cache_key [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("nothing is cached, every request goes to the app"), "";
    scgi_cache_path [HTTP] (2+) "value value ..." = ""
        => Ignored("nothing is cached, every request goes to the app"), "";
    scgi_cache_bypass [HTTP SERVER LOCATION] (1+) "value ..." = ""
        => Ignored("nothing is cached, every request goes to the app"), "";
    scgi_no_cache [HTTP SERVER LOCATION] (1+) "value ..." = ""
        => Ignored("nothing is cached, every request goes to the app"), "";
    scgi_cache_valid [HTTP SERVER LOCATION] (1+) "value ..." = ""
        => Ignored("nothing is cached, every request goes to the app"), "";
    scgi_cache_min_uses [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("nothing is cached, every request goes to the app"), "";
    scgi_cache_max_range_offset [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("nothing is cached, every request goes to the app"), "";
    scgi_cache_use_stale [HTTP SERVER LOCATION] (1+) "value ..." = ""
        => Ignored("nothing is cached, every request goes to the app"), "";
    scgi_cache_methods [HTTP SERVER LOCATION] (1+) "value ..." = ""
        => Ignored("nothing is cached, every request goes to the app"), "";
    scgi_cache_lock [HTTP SERVER LOCATION] (flag) "on | off" = ""
        => Ignored("nothing is cached, every request goes to the app"), "";
    scgi_cache_lock_timeout [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("nothing is cached, every request goes to the app"), "";
    scgi_cache_lock_age [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("nothing is cached, every request goes to the app"), "";
    scgi_cache_revalidate [HTTP SERVER LOCATION] (flag) "on | off" = ""
        => Ignored("nothing is cached, every request goes to the app"), "";
    scgi_cache_background_update [HTTP SERVER LOCATION] (flag) "on | off" = ""
        => Ignored("nothing is cached, every request goes to the app"), "";
    scgi_temp_path [HTTP SERVER LOCATION] (1 2 3 4) "path [level1 [level2 [level3]]]" = "scgi_temp"
        => Supported, "Folder of temporary files.";
    scgi_max_temp_file_size [HTTP SERVER LOCATION] (1) "size" = "1024m"
        => Supported, "Bound of a response's temporary file.";
    scgi_temp_file_write_size [HTTP SERVER LOCATION] (1) "size" = "16k"
        => Accepted("pieces have a size of their own"), "Bound of one write to a temporary file.";
    scgi_next_upstream [HTTP SERVER LOCATION] (1+) "error | timeout | ... | off" = "error timeout"
        => Supported, "When the next server of a group is asked.";
    scgi_next_upstream_tries [HTTP SERVER LOCATION] (1) "number" = "0" => Supported, "How many are asked.";
    scgi_next_upstream_timeout [HTTP SERVER LOCATION] (1) "time" = "0"
        => Supported, "For how long others are asked.";
    scgi_param [HTTP SERVER LOCATION] (2 3) "parameter value [if_not_empty]" = ""
        => Supported, "A variable of the request to the app.";
    scgi_pass_header [HTTP SERVER LOCATION] (1) "field" = ""
        => Supported, "Passes on a field that is hidden otherwise.";
    scgi_hide_header [HTTP SERVER LOCATION] (1) "field" = ""
        => Supported, "Keeps a field of the app's response from the client.";
    scgi_ignore_headers [HTTP SERVER LOCATION] (1+) "field ..." = ""
        => Supported, "Does not obey these fields of the app.";
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
