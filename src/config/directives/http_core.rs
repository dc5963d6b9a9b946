//! The core of HTTP.

use super::directives;
use crate::config::spec::Support::{Accepted, Ignored, Supported};

directives! { HTTP, "ngx_http_module";
    http [MAIN] (0) {Of(HTTP)} "" = "" => Supported, "Holds directives of HTTP.";
}

directives! { HTTP_CORE, "ngx_http_core_module";
    variables_hash_max_size [HTTP] (1) "size" = "1024"
        => Accepted("tables size themselves"), "Table of variables.";
    variables_hash_bucket_size [HTTP] (1) "size" = "64"
        => Accepted("tables size themselves"), "Table of variables.";
    server_names_hash_max_size [HTTP] (1) "size" = "512"
        => Accepted("tables size themselves"), "Table of server names.";
    server_names_hash_bucket_size [HTTP] (1) "size" = "64"
        => Accepted("tables size themselves"), "Table of server names.";
    server [HTTP] (0) {Of(SERVER)} "" = "" => Supported, "A virtual server.";
    connection_pool_size [HTTP SERVER] (1) "size" = "512"
        => Accepted("memory is not kept in pools of a size"), "Memory per connection.";
    request_pool_size [HTTP SERVER] (1) "size" = "4k"
        => Accepted("memory is not kept in pools of a size"), "Memory per request.";
    client_header_timeout [HTTP SERVER] (1) "time" = "60s"
        => Supported, "How long a client may take for its request's header.";
    client_header_buffer_size [HTTP SERVER] (1) "size" = "1k"
        => Supported, "First buffer for a request's header.";
    large_client_header_buffers [HTTP SERVER] (2) "number size" = "4 8k"
        => Supported, "Bound of the request line (414) and of the header (400).";
    ignore_invalid_headers [HTTP SERVER] (flag) "on | off" = "on"
        => Supported, "Drops header fields with invalid names instead of answering 400.";
    merge_slashes [HTTP SERVER] (flag) "on | off" = "on"
        => Supported, "Takes several slashes of a URI for one when a location is chosen.";
    underscores_in_headers [HTTP SERVER] (flag) "on | off" = "off"
        => Supported, "Takes names with underscores for valid.";
    location [SERVER LOCATION] (1 2) {Of(LOCATION)} "[ = | ~ | ~* | ^~ ] uri | @name" = ""
        => Supported, "What holds for some URIs.";
    listen [SERVER] (1+) "address[:port] | port | unix:path [parameters]" = "*:80"
        => Supported, "An address to accept connections on; bind, multipath, setfib and accept_filter change nothing.";
    server_name [SERVER] (1+) "name ..." = "\"\""
        => Supported, "Names of a virtual server: exact, wildcard or regular expression.";
    types_hash_max_size [HTTP SERVER LOCATION] (1) "size" = "1024"
        => Accepted("tables size themselves"), "Table of MIME types.";
    types_hash_bucket_size [HTTP SERVER LOCATION] (1) "size" = "64"
        => Accepted("tables size themselves"), "Table of MIME types.";
    types [HTTP SERVER LOCATION] (0) {Entries} "" = "text/html html; image/gif gif; image/jpeg jpg;"
        => Supported, "MIME types by file name extension.";
    default_type [HTTP SERVER LOCATION] (1) "mime-type" = "text/plain"
        => Supported, "MIME type of other files.";
    root [HTTP SERVER LOCATION LOCATION_IF] (1) "path" = "html"
        => Supported, "The folder that a URI is looked up in.";
    alias [LOCATION] (1) "path" = "" => Supported, "The folder that stands for the location's prefix.";
    limit_except [LOCATION] (1+) {Of(LIMIT_EXCEPT)} "method ..." = ""
        => Supported, "Limits the methods of a location.";
    client_max_body_size [HTTP SERVER LOCATION] (1) "size" = "1m"
        => Supported, "Largest request body (413); 0 is no limit.";
    client_body_buffer_size [HTTP SERVER LOCATION] (1) "size" = "16k"
        => Supported, "What of a request body is kept in memory before a file is used.";
    client_body_timeout [HTTP SERVER LOCATION] (1) "time" = "60s"
        => Supported, "Between two reads of a request body (408).";
    client_body_temp_path [HTTP SERVER LOCATION] (1 2 3 4) "path [level1 [level2 [level3]]]" = "client_body_temp"
        => Supported, "Folder for request bodies that do not fit into memory.";
    client_body_in_file_only [HTTP SERVER LOCATION] (1) "on | clean | off" = "off"
        => Supported, "Saves all request bodies.";
    client_body_in_single_buffer [HTTP SERVER LOCATION] (flag) "on | off" = "off"
        => Accepted("a body in memory is always in one buffer"), "Keeps a body together.";
    sendfile [HTTP SERVER LOCATION LOCATION_IF] (flag) "on | off" = "off"
        => Supported, "Sends files by sendfile(2).";
    sendfile_max_chunk [HTTP SERVER LOCATION] (1) "size" = "2m"
        => Accepted("large files give way to others after each piece"), "Bound of one sendfile call.";
    subrequest_output_buffer_size [HTTP SERVER LOCATION] (1) "size" = "4k"
        => Accepted("the answer to a subrequest is held in a buffer that grows"), "Buffer of a subrequest.";
    aio [HTTP SERVER LOCATION] (1) "on | off | threads[=pool]" = "off"
        => Accepted("files are read through the ring"), "Reads files asynchronously.";
    aio_write [HTTP SERVER LOCATION] (flag) "on | off" = "off"
        => Accepted("files are written through the ring"), "Writes files asynchronously.";
    read_ahead [HTTP SERVER LOCATION] (1) "size" = "0"
        => Accepted("left to the kernel"), "Kernel read-ahead.";
    directio [HTTP SERVER LOCATION] (1) "size | off" = "off"
        => Accepted("files are sent through the page cache"), "Reads large files past the page cache.";
    directio_alignment [HTTP SERVER LOCATION] (1) "size" = "512"
        => Accepted("files are sent through the page cache"), "Alignment of directio.";
    tcp_nopush [HTTP SERVER LOCATION] (flag) "on | off" = "off"
        => Supported, "Fills packets before they are sent (TCP_CORK).";
    tcp_nodelay [HTTP SERVER LOCATION] (flag) "on | off" = "on"
        => Supported, "Does not wait to fill packets (TCP_NODELAY).";
    send_timeout [HTTP SERVER LOCATION] (1) "time" = "60s" => Supported, "Between two writes to the client.";
    send_lowat [HTTP SERVER LOCATION] (1) "size" = "0"
        => Accepted("has no effect on Linux"), "Watermark of sending.";
    postpone_output [HTTP SERVER LOCATION] (1) "size" = "1460"
        => Accepted("output is gathered anyway"), "Gathers small output.";
    limit_rate [HTTP SERVER LOCATION LOCATION_IF] (1) "rate" = "0"
        => Supported, "Bytes per second of one response.";
    limit_rate_after [HTTP SERVER LOCATION LOCATION_IF] (1) "size" = "0"
        => Supported, "What is sent before limit_rate holds.";
    keepalive_time [HTTP SERVER LOCATION] (1) "time" = "1h"
        => Supported, "How long one connection may serve requests.";
    keepalive_timeout [HTTP SERVER LOCATION] (1 2) "timeout [header_timeout]" = "75s"
        => Supported, "How long an idle connection stays open.";
    keepalive_requests [HTTP SERVER LOCATION] (1) "number" = "1000"
        => Supported, "Requests on one connection.";
    keepalive_disable [HTTP SERVER LOCATION] (1 2) "none | browser ..." = "msie6"
        => Accepted("the browsers it is about are gone"), "No keep-alive for old browsers.";
    satisfy [HTTP SERVER LOCATION] (1) "all | any" = "all"
        => Supported, "Combines access checks.";
    auth_delay [HTTP SERVER LOCATION] (1) "time" = "0s"
        => Supported, "Delays 401.";
    internal [LOCATION] (0) "" = "" => Supported, "Answers 404 to requests from outside.";
    lingering_close [HTTP SERVER LOCATION] (1) "off | on | always" = "on"
        => Supported, "Reads what a client still sends before closing.";
    lingering_time [HTTP SERVER LOCATION] (1) "time" = "30s" => Supported, "For how long at most.";
    lingering_timeout [HTTP SERVER LOCATION] (1) "time" = "5s" => Supported, "Between two reads of it.";
    reset_timedout_connection [HTTP SERVER LOCATION] (flag) "on | off" = "off"
        => Supported, "Closes with RST after a timeout.";
    absolute_redirect [HTTP SERVER LOCATION] (flag) "on | off" = "on"
        => Supported, "Redirects with scheme and host.";
    server_name_in_redirect [HTTP SERVER LOCATION] (flag) "on | off" = "off"
        => Supported, "Redirects to the server's name instead of the request's.";
    port_in_redirect [HTTP SERVER LOCATION] (flag) "on | off" = "on" => Supported, "Redirects with the port.";
    msie_padding [HTTP SERVER LOCATION] (flag) "on | off" = "on"
        => Accepted("the browsers it is about are gone"), "Pads error pages for old browsers.";
    msie_refresh [HTTP SERVER LOCATION] (flag) "on | off" = "off"
        => Accepted("the browsers it is about are gone"), "Refresh instead of redirect for old browsers.";
    log_not_found [HTTP SERVER LOCATION] (flag) "on | off" = "on"
        => Supported, "Writes missing files to the error log.";
    log_subrequest [HTTP SERVER LOCATION] (flag) "on | off" = "off"
        => Supported, "Logs subrequests.";
    recursive_error_pages [HTTP SERVER LOCATION] (flag) "on | off" = "off"
        => Supported, "An error page may have an error page.";
    server_tokens [HTTP SERVER LOCATION] (1) "on | off | build | string" = "on"
        => Supported, "Shows the version in Server and error pages.";
    if_modified_since [HTTP SERVER LOCATION] (1) "off | exact | before" = "exact"
        => Supported, "How If-Modified-Since is compared.";
    max_ranges [HTTP SERVER LOCATION] (1) "number" = ""
        => Supported, "Ranges of one request; more get the whole file.";
    chunked_transfer_encoding [HTTP SERVER LOCATION] (flag) "on | off" = "on"
        => Supported, "May answer in chunks.";
    etag [HTTP SERVER LOCATION] (flag) "on | off" = "on" => Supported, "ETag of files.";
    error_page [HTTP SERVER LOCATION LOCATION_IF] (2+) "code ... [=[response]] uri" = ""
        => Supported, "What is shown for an error.";
    post_action [HTTP SERVER LOCATION LOCATION_IF] (1) "uri" = ""
        => Supported, "A request that follows each that was answered.";
    error_log [HTTP SERVER LOCATION] (1+) "file [level]" = "logs/error.log error"
        => Supported, "Where messages go, and from which level.";
    open_file_cache [HTTP SERVER LOCATION] (1 2) "off | max=N [inactive=time]" = "off"
        => Supported, "Keeps files open; a small cache of its own is always on.";
    open_file_cache_valid [HTTP SERVER LOCATION] (1) "time" = "60s"
        => Supported, "How long a cached file is trusted.";
    open_file_cache_min_uses [HTTP SERVER LOCATION] (1) "number" = "1"
        => Supported, "Uses that keep a file open.";
    open_file_cache_errors [HTTP SERVER LOCATION] (flag) "on | off" = "off"
        => Supported, "Caches errors too.";
    open_file_cache_events [HTTP SERVER LOCATION] (flag) "on | off" = "off"
        => Accepted("has no effect on Linux"), "Watches files by kernel events.";
    resolver [HTTP SERVER LOCATION] (1+) "address ... [valid=time] [parameters]" = ""
        => Supported, "Name servers that are asked for hosts which variables name (`valid=`, `ipv4=`, `ipv6=`).";
    resolver_timeout [HTTP SERVER LOCATION] (1) "time" = "30s"
        => Supported, "How long to ask name servers.";
    gzip_vary [HTTP SERVER LOCATION] (flag) "on | off" = "off"
        => Supported, "Adds Vary: Accept-Encoding to what might be compressed.";
    gzip_http_version [HTTP SERVER LOCATION] (1) "1.0 | 1.1" = "1.1"
        => Supported, "The oldest protocol that gets compressed responses.";
    gzip_proxied [HTTP SERVER LOCATION] (1+)
        "off | expired | no-cache | no-store | private | no_last_modified | no_etag | auth | any ..." = "off"
        => Supported, "Which responses to proxies (Via) are compressed.";
    gzip_disable [HTTP SERVER LOCATION] (1+) "regex ..." = ""
        => Supported, "Clients, by User-Agent, that get nothing compressed.";
    disable_symlinks [HTTP SERVER LOCATION] (1 2) "off | on | if_not_owner [from=part]" = "off"
        => Supported, "Does not follow symbolic links, or only those of the owner of what they lead to; from where on a path.";
    keepalive_min_timeout [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("idle connections may be closed at once on a quit"), "";
    early_hints [HTTP SERVER LOCATION] (1+) "value ..." = ""
        => Ignored("103 responses are not passed on"), "";
}

directives! { HTTP_HEADER_COUNT, "ngx_http_header_count_module";
    max_headers [HTTP SERVER] (1) "number" = ""
        => Accepted("large_client_header_buffers bounds them"), "Header fields of a request.";
}
