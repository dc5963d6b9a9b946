//! Servers that do not speak HTTP, and what nginx has not.

use super::directives;
use crate::config::spec::Support::{Ignored, Supported};

directives! { STREAM, "ngx_stream_module";
    stream [MAIN] (0) {Skipped} "" = "" => Ignored("its sockets are not opened"), "";
}

directives! { MAIL, "ngx_mail_module";
    mail [MAIN] (0) {Skipped} "" = "" => Ignored("its sockets are not opened"), "";
}

directives! { RINGX, "ringx";
    sandbox [MAIN] (flag) "on | off" = "off"
        => Supported, "Confines the program to the files, directories and ports that the configuration names, and to the system calls that it makes (not in nginx).";
}
