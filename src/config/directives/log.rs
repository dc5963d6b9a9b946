//! The access log.

use super::directives;
use crate::config::spec::Support::{Accepted, Supported};

directives! { HTTP_LOG, "ngx_http_log_module";
    log_format [HTTP] (2+) "name [escape=default|json|none] string ..." = "combined"
        => Supported, "A form of the access log.";
    access_log [HTTP SERVER LOCATION LOCATION_IF LIMIT_EXCEPT] (1+) "path [format [buffer=size] [flush=time] [if=condition]] | off" = "logs/access.log combined"
        => Supported, "Where requests are logged.";
    open_log_file_cache [HTTP SERVER LOCATION] (1 2 3 4) "max=N [inactive=time] [min_uses=N] [valid=time] | off" = "off"
        => Accepted("log files stay open"), "Keeps log files open.";
}
