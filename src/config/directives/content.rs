//! Other content handlers.

use super::{directives, refused};
use crate::config::spec::Support::{Closed, Ignored, Supported};

directives! { HTTP_DAV, "ngx_http_dav_module";
    dav_methods [HTTP SERVER LOCATION] (1+) "off | method ..." = "off"
        => Ignored("PUT, DELETE, MKCOL, COPY and MOVE are answered 405"), "WebDAV methods.";
    create_full_put_path [HTTP SERVER LOCATION] (flag) "on | off" = ""
        => Ignored("WebDAV methods are answered 405"), "";
    min_delete_depth [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("WebDAV methods are answered 405"), "";
    dav_access [HTTP SERVER LOCATION] (1 2 3) "value ..." = ""
        => Ignored("WebDAV methods are answered 405"), "";
}

directives! { HTTP_EMPTY_GIF, "ngx_http_empty_gif_module";
    empty_gif [LOCATION] (0) "" = ""
        => Supported, "Answers with an empty picture.";
}

directives! { HTTP_FLV, "ngx_http_flv_module";
    flv [LOCATION] (0) "" = "" => Supported, "Serves FLV files from the byte that `?start=` names.";
}

directives! { HTTP_MP4, "ngx_http_mp4_module";
    mp4 [LOCATION] (0) "" = ""
        => Ignored("files are sent whole, `start` and `end` are not heard"), "Serves MP4 files by time.";
    mp4_buffer_size [HTTP SERVER LOCATION] (1) "value" = "" => Ignored("files are sent whole"), "";
    mp4_max_buffer_size [HTTP SERVER LOCATION] (1) "value" = "" => Ignored("files are sent whole"), "";
    mp4_start_key_frame [HTTP SERVER LOCATION] (flag) "on | off" = ""
        => Ignored("files are sent whole"), "";
}

directives! { HTTP_MIRROR, "ngx_http_mirror_module";
    mirror [HTTP SERVER LOCATION] (1) "uri | off" = "off"
        => Supported, "Sends requests to a second app too, whose answer nobody waits for; may stand several times.";
    mirror_request_body [HTTP SERVER LOCATION] (flag) "on | off" = "on"
        => Supported, "With their bodies, which are read first.";
}

directives! { HTTP_STUB_STATUS, "ngx_http_stub_status_module";
    stub_status [SERVER LOCATION] (0 1) "" = "" => Supported, "Answers with the counters of all cores.";
}

directives! { HTTP_PERL, "ngx_http_perl_module";
    perl [LOCATION LIMIT_EXCEPT] (1) "value" = "" => Closed("runs Perl"), "";
    perl_modules [HTTP] (1) "value" = "" => Ignored("Perl is not run"), "";
    perl_require [HTTP] (1) "value" = "" => Ignored("Perl is not run"), "";
    perl_set [HTTP] (2) "value value" = "" => Ignored("the variable is empty"), "";
}

directives! { HTTP_JS, "ngx_http_js_module";
    js_import [HTTP SERVER LOCATION] (1 3) "value ..." = "" => Ignored("scripts are not run"), "";
    js_path [HTTP SERVER LOCATION] (1) "value" = "" => Ignored("scripts are not run"), "";
    js_set [HTTP SERVER LOCATION] (2 3) "value ..." = "" => Ignored("the variable is empty"), "";
    js_var [HTTP SERVER LOCATION] (1 2) "value ..." = "" => Ignored("the variable is empty"), "";
    js_content [LOCATION LIMIT_EXCEPT] (1) "value" = "" => Closed("runs a script"), "";
    js_access [HTTP SERVER LOCATION] (1) "value" = "" => refused("its script may keep requests out"), "";
    js_header_filter [LOCATION LIMIT_EXCEPT] (1) "value" = "" => Ignored("scripts are not run"), "";
    js_body_filter [LOCATION LIMIT_EXCEPT] (1 2) "value ..." = "" => Ignored("scripts are not run"), "";
}
