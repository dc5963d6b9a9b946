//! Servers that do not speak HTTP.

use super::directives;
use crate::config::spec::Support::Ignored;

directives! { STREAM, "ngx_stream_module";
    stream [MAIN] (0) {Skipped} "" = "" => Ignored("its sockets are not opened"), "";
}

directives! { MAIL, "ngx_mail_module";
    mail [MAIN] (0) {Skipped} "" = "" => Ignored("its sockets are not opened"), "";
}
