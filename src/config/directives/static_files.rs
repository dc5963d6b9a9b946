//! Files, folders and `try_files`.

use super::directives;
use crate::config::spec::Support::Supported;

directives! { HTTP_INDEX, "ngx_http_index_module";
    index [HTTP SERVER LOCATION] (1+) "file ..." = "index.html"
        => Supported, "Files for a URI that ends with a slash.";
}

directives! { HTTP_AUTOINDEX, "ngx_http_autoindex_module";
    autoindex [HTTP SERVER LOCATION] (flag) "on | off" = "off" => Supported, "Lists folders.";
    autoindex_format [HTTP SERVER LOCATION] (1) "html | xml | json | jsonp" = "html"
        => Supported, "Form of the list.";
    autoindex_localtime [HTTP SERVER LOCATION] (flag) "on | off" = "off"
        => Supported, "Local times in the list.";
    autoindex_exact_size [HTTP SERVER LOCATION] (flag) "on | off" = "on"
        => Supported, "Exact sizes in the list.";
}

directives! { HTTP_TRY_FILES, "ngx_http_try_files_module";
    try_files [SERVER LOCATION] (2+) "file ... uri | =code" = ""
        => Supported, "Serves the first that exists.";
}

directives! { HTTP_RANDOM_INDEX, "ngx_http_random_index_module";
    random_index [LOCATION] (flag) "on | off" = "off"
        => Supported, "Serves any file of a folder.";
}
