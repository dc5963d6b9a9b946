//! `events {}`.

use super::directives;
use crate::config::spec::Support::{Accepted, Ignored, Supported};

directives! { EVENTS, "ngx_events_module";
    events [MAIN] (0) {Of(EVENTS)} "" = "" => Supported, "Holds directives of connection processing.";
}

directives! { EVENT_CORE, "ngx_event_core_module";
    worker_connections [EVENTS] (1) "number" = "512" => Supported, "Client connections one worker may have; those to applications are not counted.";
    use [EVENTS] (1) "method" = ""
        => Accepted("io_uring is used, epoll where it is missing"), "Chooses the event method.";
    multi_accept [EVENTS] (flag) "on | off" = "off"
        => Accepted("every listener accepts up to 32 at once"), "Accepts many at once.";
    accept_mutex [EVENTS] (flag) "on | off" = "off"
        => Accepted("the kernel gives each connection to one worker"), "Workers accept in turn.";
    accept_mutex_delay [EVENTS] (1) "time" = "500ms"
        => Accepted("there is no accept mutex"), "Waits for the mutex.";
    debug_connection [EVENTS] (1) "address | CIDR | unix:" = ""
        => Ignored("there is no debug log per address"), "Debug log for chosen clients.";
}

directives! { EPOLL, "ngx_epoll_module";
    epoll_events [EVENTS] (1) "number" = "512"
        => Accepted("tuning of nginx's event loop"), "Events per wait.";
    worker_aio_requests [EVENTS] (1) "number" = "32"
        => Accepted("tuning of nginx's event loop"), "Outstanding file reads.";
}
