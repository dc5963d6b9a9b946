//! URIs and variables: `return`, `rewrite`, `if`, `map` and the like.

use super::directives;
use crate::config::spec::Support::{Accepted, Ignored, Supported};

directives! { HTTP_REWRITE, "ngx_http_rewrite_module";
    rewrite [SERVER LOCATION SERVER_IF LOCATION_IF] (2 3) "regex replacement [flag]" = ""
        => Supported, "Changes the URI, or redirects.";
    return [SERVER LOCATION SERVER_IF LOCATION_IF] (1 2) "code [text] | code URL | URL" = ""
        => Supported, "Answers at once.";
    break [SERVER LOCATION SERVER_IF LOCATION_IF] (0) "" = "" => Supported, "Ends rewriting.";
    if [SERVER LOCATION] (1+) {OfPlace} "(condition)" = "" => Supported, "Directives for some requests.";
    set [SERVER LOCATION SERVER_IF LOCATION_IF] (2) "$variable value" = "" => Supported, "Sets a variable.";
    rewrite_log [HTTP SERVER LOCATION SERVER_IF LOCATION_IF] (flag) "on | off" = "off"
        => Supported, "Logs rewriting, as notices.";
    uninitialized_variable_warn [HTTP SERVER LOCATION SERVER_IF LOCATION_IF] (flag) "on | off" = "on"
        => Supported, "Warns of empty variables.";
}

directives! { HTTP_MAP, "ngx_http_map_module";
    map [HTTP] (2) {Entries} "string $variable" = ""
        => Supported, "A variable from others: each key has its value. Keys are compared without regard to case; `~` and `~*` begin a regular expression; `default`, `hostnames`, `volatile` and `include` are words of their own.";
    map_hash_max_size [HTTP] (1) "size" = "2048" => Accepted("tables size themselves"), "Table of a map.";
    map_hash_bucket_size [HTTP] (1) "size" = "64" => Accepted("tables size themselves"), "Table of a map.";
}

directives! { HTTP_GEO, "ngx_http_geo_module";
    geo [HTTP] (1 2) {Entries} "[$address] $variable" = ""
        => Supported, "A variable from the client's address, by network or (`ranges`) by range; `default`, `delete`, `proxy`, `proxy_recursive` and `include` are words of their own.";
}

directives! { HTTP_SPLIT_CLIENTS, "ngx_http_split_clients_module";
    split_clients [HTTP] (2) {Entries} "string $variable" = ""
        => Supported, "A variable that splits clients into shares, as nginx splits them.";
}

directives! { HTTP_BROWSER, "ngx_http_browser_module";
    modern_browser [HTTP SERVER LOCATION] (1 2) "browser version | unlisted" = ""
        => Supported, "Which browsers $modern_browser means.";
    ancient_browser [HTTP SERVER LOCATION] (1+) "string ..." = ""
        => Supported, "Which browsers $ancient_browser means.";
    modern_browser_value [HTTP SERVER LOCATION] (1) "string" = "1"
        => Supported, "Value of $modern_browser.";
    ancient_browser_value [HTTP SERVER LOCATION] (1) "string" = "1"
        => Supported, "Value of $ancient_browser.";
}

directives! { HTTP_GEOIP, "ngx_http_geoip_module";
    geoip_country [HTTP] (1 2) "value ..." = "" => Ignored("its variables are empty"), "";
    geoip_city [HTTP] (1 2) "value ..." = "" => Ignored("its variables are empty"), "";
    geoip_org [HTTP] (1 2) "value ..." = "" => Ignored("its variables are empty"), "";
    geoip_proxy [HTTP] (1) "value" = "" => Ignored("its variables are empty"), "";
    geoip_proxy_recursive [HTTP] (flag) "on | off" = "" => Ignored("its variables are empty"), "";
}

directives! { HTTP_GEOIP2, "ngx_http_geoip2_module";
    geoip2 [HTTP] (1) {Skipped} "file" = "" => Ignored("its variables are empty"), "";
    geoip2_proxy [HTTP] (1) "value" = "" => Ignored("its variables are empty"), "";
    geoip2_proxy_recursive [HTTP] (flag) "on | off" = "" => Ignored("its variables are empty"), "";
}
