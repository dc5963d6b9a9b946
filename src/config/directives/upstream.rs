//! Groups of servers.

use super::directives;
use crate::config::spec::Support::{Accepted, Ignored, Supported};

directives! { HTTP_UPSTREAM, "ngx_http_upstream_module";
    upstream [HTTP] (1) {Of(UPSTREAM)} "name" = "" => Supported, "A group of servers.";
    server [UPSTREAM] (1+) "address [parameters]" = "" => Supported, "A server of the group.";
    state [UPSTREAM] (1) "value" = "" => Ignored("the group is what the file says"), "";
    ntlm [UPSTREAM] (0) "" = "" => Ignored("connections to the app are shared by clients"), "";
    queue [UPSTREAM] (1 2) "value ..." = "" => Ignored("requests do not wait for a free server"), "";
}

directives! { HTTP_UPSTREAM_KEEPALIVE, "ngx_http_upstream_keepalive_module";
    keepalive [UPSTREAM] (1) "connections" = "128" => Supported, "Idle connections kept per worker.";
    keepalive_time [UPSTREAM] (1) "time" = "1h" => Supported, "How long one connection to the app is used.";
    keepalive_timeout [UPSTREAM] (1) "timeout" = "60s"
        => Supported, "How long an idle connection to the app is kept.";
    keepalive_requests [UPSTREAM] (1) "number" = "1000"
        => Supported, "Requests on one connection to the app.";
}

directives! { HTTP_UPSTREAM_HASH, "ngx_http_upstream_hash_module";
    hash [UPSTREAM] (1 2) "key [consistent]" = "" => Supported, "Chooses a server by a key.";
}

directives! { HTTP_UPSTREAM_IP_HASH, "ngx_http_upstream_ip_hash_module";
    ip_hash [UPSTREAM] (0) "" = "" => Supported, "Chooses a server by the client's address.";
}

directives! { HTTP_UPSTREAM_LEAST_CONN, "ngx_http_upstream_least_conn_module";
    least_conn [UPSTREAM] (0) "" = "" => Supported, "Chooses the server with the fewest connections.";
}

directives! { HTTP_UPSTREAM_RANDOM, "ngx_http_upstream_random_module";
    random [UPSTREAM] (0 1 2) "[two [method]]" = "" => Supported, "Chooses a server at random.";
}

directives! { HTTP_UPSTREAM_ZONE, "ngx_http_upstream_zone_module";
    zone [UPSTREAM] (1 2) "name [size]" = ""
        => Accepted("one process serves, so there is nothing to share"), "Shares the group's state.";
}

directives! { HTTP_UPSTREAM_STICKY, "ngx_http_upstream_sticky_module";
    sticky [UPSTREAM] (1+) "value ..." = "" => Ignored("clients may change servers"), "";
}

directives! { HTTP_UPSTREAM_HC, "ngx_http_upstream_hc_module";
    health_check [LOCATION] (any) "[value ...]" = "" => Ignored("servers are only judged by requests"), "";
    match [HTTP] (1) {Skipped} "value" = "" => Ignored("servers are only judged by requests"), "";
}

directives! { HTTP_STATUS, "ngx_http_status_module";
    status_zone [SERVER LOCATION] (1) "value" = "" => Ignored("there are no counters by zone"), "";
}
