//! Fields added to responses.

use super::directives;
use crate::config::spec::Support::{Ignored, Supported};

directives! { HTTP_HEADERS_FILTER, "ngx_http_headers_filter_module";
    expires [HTTP SERVER LOCATION LOCATION_IF] (1 2) "[modified] time | epoch | max | off" = "off"
        => Supported, "Adds Expires and Cache-Control.";
    add_header [HTTP SERVER LOCATION LOCATION_IF] (2 3) "name value [always]" = ""
        => Supported, "Adds a field to the response's header.";
    add_trailer [HTTP SERVER LOCATION LOCATION_IF] (2 3) "name value [always]" = ""
        => Supported, "Adds a field behind the response.";
    add_header_inherit [HTTP SERVER LOCATION] (1) "on | off | merge" = "on"
        => Supported, "What a level does with the add_header of the outer one.";
    add_trailer_inherit [HTTP SERVER LOCATION] (1) "on | off | merge" = "on"
        => Supported, "What a level does with the add_trailer of the outer one.";
}

directives! { HTTP_HEADERS_MORE_FILTER, "ngx_http_headers_more_filter_module";
    more_set_headers [HTTP SERVER LOCATION LOCATION_IF] (1+) "value ..." = ""
        => Ignored("the header stays as it is"), "";
    more_clear_headers [HTTP SERVER LOCATION LOCATION_IF] (1+) "value ..." = ""
        => Ignored("the header stays as it is"), "";
    more_set_input_headers [HTTP SERVER LOCATION LOCATION_IF] (1+) "value ..." = ""
        => Ignored("the header stays as it is"), "";
    more_clear_input_headers [HTTP SERVER LOCATION LOCATION_IF] (1+) "value ..." = ""
        => Ignored("the header stays as it is"), "";
}
