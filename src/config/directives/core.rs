//! Main-level directives.

use super::directives;
use crate::config::spec::Support::{Accepted, Ignored, Supported};

directives! { CORE, "ngx_core_module";
    daemon [MAIN] (flag) "on | off" = "on" => Supported, "Goes into the background; the command returns when every socket listens and the pid file is written.";
    master_process [MAIN] (flag) "on | off" = "on"
        => Accepted("one process serves, a master thread watches its workers"), "Starts worker processes.";
    timer_resolution [MAIN] (1) "interval" = ""
        => Accepted("a core's clock is read once a turn of its loop"), "Reads the clock less often.";
    pid [MAIN] (1) "file" = "logs/ringx.pid" => Supported, "The file that holds the process id; in the prefix itself when there is no `logs/`.";
    lock_file [MAIN] (1) "file" = ""
        => Accepted("there is no accept mutex"), "Names the lock of accept_mutex.";
    worker_processes [MAIN] (1) "number | auto" = "auto"
        => Supported, "Worker threads; auto is one per usable core.";
    debug_points [MAIN] (1) "abort | stop" = ""
        => Accepted("only for debugging nginx itself"), "Stops at internal errors.";
    user [MAIN] (1 2) "user [group]" = ""
        => Supported, "Whom the program becomes when started as root; a process beside it keeps root's rights for reloads.";
    worker_priority [MAIN] (1) "number" = "0"
        => Accepted("threads keep the process's priority"), "Nice value of workers.";
    worker_cpu_affinity [MAIN] (1+) "cpumask ... | auto [cpumask]" = "auto"
        => Supported, "Binds each worker to one core; of a mask to the first that it names.";
    worker_rlimit_nofile [MAIN] (1) "number" = ""
        => Supported, "Limit of open files; without it the hard limit of the process.";
    worker_rlimit_core [MAIN] (1) "size" = "" => Accepted("set the limit outside"), "Limit of core files.";
    worker_shutdown_timeout [MAIN] (1) "time" = ""
        => Supported, "Bounds a graceful quit: connections that are still open then are closed.";
    working_directory [MAIN] (1) "directory" = ""
        => Ignored("core files are written where the program was started"), "Where core files go.";
    env [MAIN] (1) "variable[=value]" = "TZ"
        => Accepted("no program is run with it"), "Keeps an environment variable.";
    load_module [MAIN] (1) "file" = "" => Accepted("modules are built in"), "Loads a module.";
}

directives! { ERRLOG, "ngx_errlog_module";
    error_log [MAIN] (1+) "file [level]" = "logs/error.log error"
        => Supported, "Where messages go, and from which level; to standard error when there is no `logs/`.";
}

directives! { CONF, "ngx_conf_module";
    include [ANY] (1) "file | mask" = ""
        => Supported, "Reads the directives of other files here; a mask may match none.";
}

directives! { OPENSSL, "ngx_openssl_module";
    ssl_engine [MAIN] (1) "device" = "" => Ignored("TLS is done in this process"), "Names an accelerator.";
}

directives! { REGEX, "ngx_regex_module";
    pcre_jit [MAIN] (flag) "on | off" = "off"
        => Accepted("patterns are compiled by another engine"), "Compiles patterns to machine code.";
}

directives! { THREAD_POOL, "ngx_thread_pool_module";
    thread_pool [MAIN] (2 3) "name threads=number" = ""
        => Accepted("files are read without a thread pool"), "Threads for reading files.";
}

directives! { GOOGLE_PERFTOOLS, "ngx_google_perftools_module";
    google_perftools_profiles [MAIN] (1) "value" = "" => Accepted("only for profiling nginx itself"), "";
}
