//! Filters of responses.

use super::directives;
use crate::config::spec::Support::{Accepted, Ignored, Supported};

directives! { HTTP_GZIP_FILTER, "ngx_http_gzip_filter_module";
    gzip [HTTP SERVER LOCATION LOCATION_IF] (flag) "on | off" = "off" => Supported, "Compresses responses.";
    gzip_buffers [HTTP SERVER LOCATION] (2) "number size" = "32 4k|16 8k"
        => Accepted("buffers have a size of their own"), "";
    gzip_types [HTTP SERVER LOCATION] (1+) "mime-type ..." = "text/html"
        => Supported, "MIME types to compress besides text/html; * is all.";
    gzip_comp_level [HTTP SERVER LOCATION] (1) "level" = "1"
        => Supported, "How hard to compress, 1 to 9.";
    gzip_window [HTTP SERVER LOCATION] (1) "size" = "" => Accepted("the window is 32k"), "";
    gzip_hash [HTTP SERVER LOCATION] (1) "size" = "" => Accepted("the table has a size of its own"), "";
    postpone_gzipping [HTTP SERVER LOCATION] (1) "size" = "0"
        => Accepted("what is there is compressed"), "";
    gzip_no_buffer [HTTP SERVER LOCATION] (flag) "on | off" = "off"
        => Accepted("what the app flushes is flushed"), "";
    gzip_min_length [HTTP SERVER LOCATION] (1) "length" = "20"
        => Supported, "Shorter responses are not compressed.";
}

directives! { HTTP_GZIP_STATIC, "ngx_http_gzip_static_module";
    gzip_static [HTTP SERVER LOCATION] (1) "on | off | always" = "off"
        => Supported, "Sends FILE.gz in place of FILE.";
}

directives! { HTTP_GUNZIP_FILTER, "ngx_http_gunzip_filter_module";
    gunzip [HTTP SERVER LOCATION] (flag) "on | off" = "off"
        => Supported, "Decompresses responses for clients without gzip.";
    gunzip_buffers [HTTP SERVER LOCATION] (2) "number size" = "32 4k|16 8k"
        => Accepted("buffers have a size of their own"), "";
}

directives! { HTTP_BROTLI, "ngx_http_brotli_module";
    brotli [HTTP SERVER LOCATION LOCATION_IF] (flag) "on | off" = ""
        => Ignored("responses are sent as they are"), "";
    brotli_static [HTTP SERVER LOCATION] (1) "value" = "" => Ignored("responses are sent as they are"), "";
    brotli_types [HTTP SERVER LOCATION] (1+) "value ..." = ""
        => Ignored("responses are sent as they are"), "";
    brotli_comp_level [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("responses are sent as they are"), "";
    brotli_window [HTTP SERVER LOCATION] (1) "value" = "" => Ignored("responses are sent as they are"), "";
    brotli_min_length [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("responses are sent as they are"), "";
    brotli_buffers [HTTP SERVER LOCATION] (2) "value value" = ""
        => Ignored("responses are sent as they are"), "";
}

directives! { HTTP_CHARSET_FILTER, "ngx_http_charset_filter_module";
    charset [HTTP SERVER LOCATION LOCATION_IF] (1) "charset | off" = "off"
        => Supported, "Adds a charset to Content-Type.";
    source_charset [HTTP SERVER LOCATION LOCATION_IF] (1) "charset" = ""
        => Supported, "The charset of texts that name none; charset_map leads from it to that of charset.";
    override_charset [HTTP SERVER LOCATION LOCATION_IF] (flag) "on | off" = "off"
        => Supported, "Gives texts another charset though the app names one.";
    charset_types [HTTP SERVER LOCATION] (1+) "mime-type ..."
        = "text/html text/xml text/plain text/vnd.wap.wml application/javascript application/rss+xml"
        => Supported, "MIME types that get a charset, besides text/html; * is all.";
    charset_map [HTTP] (2) {Entries} "charset1 charset2" = ""
        => Supported, "A table between two charsets; utf-8 is the second.";
}

directives! { HTTP_SSI_FILTER, "ngx_http_ssi_filter_module";
    ssi [HTTP SERVER LOCATION LOCATION_IF] (flag) "on | off" = "off"
        => Supported, "Carries out the commands in pages.";
    ssi_silent_errors [HTTP SERVER LOCATION] (flag) "on | off" = "off"
        => Supported, "Writes nothing where a command fails.";
    ssi_ignore_recycled_buffers [HTTP SERVER LOCATION] (flag) "on | off" = ""
        => Accepted("buffers are not recycled"), "";
    ssi_min_file_chunk [HTTP SERVER LOCATION] (1) "size" = "1k"
        => Accepted("a page is put together in memory"), "";
    ssi_value_length [HTTP SERVER LOCATION] (1) "length" = "256"
        => Supported, "Most bytes of a parameter's value.";
    ssi_types [HTTP SERVER LOCATION] (1+) "mime-type ..." = "text/html"
        => Supported, "MIME types with commands besides text/html; * is all.";
    ssi_last_modified [HTTP SERVER LOCATION] (flag) "on | off" = "off"
        => Supported, "Keeps Last-Modified of pages with commands.";
}

directives! { HTTP_SUB_FILTER, "ngx_http_sub_filter_module";
    sub_filter [HTTP SERVER LOCATION] (2) "string replacement" = ""
        => Supported, "Replaces a text in responses.";
    sub_filter_types [HTTP SERVER LOCATION] (1+) "mime-type ..." = "text/html"
        => Supported, "MIME types to search besides text/html; * is all.";
    sub_filter_once [HTTP SERVER LOCATION] (flag) "on | off" = "on"
        => Supported, "Replaces each text once or everywhere.";
    sub_filter_last_modified [HTTP SERVER LOCATION] (flag) "on | off" = "off"
        => Supported, "Keeps Last-Modified of what is searched.";
}

directives! { HTTP_SUBS_FILTER, "ngx_http_subs_filter_module";
    subs_filter [HTTP SERVER LOCATION] (1+) "value ..." = ""
        => Ignored("responses are sent as they are"), "";
    subs_filter_types [HTTP SERVER LOCATION] (1+) "value ..." = ""
        => Ignored("responses are sent as they are"), "";
    subs_filter_bypass [HTTP SERVER LOCATION] (1+) "value ..." = ""
        => Ignored("responses are sent as they are"), "";
    subs_buffers [HTTP SERVER LOCATION] (2) "value value" = ""
        => Ignored("responses are sent as they are"), "";
    subs_line_buffer_size [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("responses are sent as they are"), "";
}

directives! { HTTP_ADDITION_FILTER, "ngx_http_addition_filter_module";
    add_before_body [HTTP SERVER LOCATION] (1) "uri" = ""
        => Supported, "Puts what another location answers before bodies.";
    add_after_body [HTTP SERVER LOCATION] (1) "uri" = ""
        => Supported, "Puts what another location answers behind bodies.";
    addition_types [HTTP SERVER LOCATION] (1+) "mime-type ..." = "text/html"
        => Supported, "MIME types with additions besides text/html; * is all.";
}

directives! { HTTP_SLICE_FILTER, "ngx_http_slice_filter_module";
    slice [HTTP SERVER LOCATION] (1) "size" = "0"
        => Ignored("ranges are asked for as they come"), "Asks the app in slices.";
}

directives! { HTTP_COPY_FILTER, "ngx_http_copy_filter_module";
    output_buffers [HTTP SERVER LOCATION] (2) "value value" = ""
        => Accepted("buffers have a size of their own"), "";
}

directives! { HTTP_USERID_FILTER, "ngx_http_userid_filter_module";
    userid [HTTP SERVER LOCATION] (1) "off | log | v1 | on" = "off"
        => Supported, "Sets a cookie by which clients are recognised.";
    userid_service [HTTP SERVER LOCATION] (1) "number" = ""
        => Supported, "Number of the server in the cookie, instead of its address.";
    userid_name [HTTP SERVER LOCATION] (1) "name" = "uid"
        => Supported, "Name of the cookie.";
    userid_domain [HTTP SERVER LOCATION] (1) "name | none" = "none"
        => Supported, "Its domain.";
    userid_path [HTTP SERVER LOCATION] (1) "path" = "/"
        => Supported, "Its path.";
    userid_expires [HTTP SERVER LOCATION] (1) "time | max | off" = "off"
        => Supported, "When it ends.";
    userid_flags [HTTP SERVER LOCATION] (1 2 3) "off | flag ..." = "off"
        => Supported, "secure, httponly, samesite=strict|lax|none.";
    userid_p3p [HTTP SERVER LOCATION] (1) "string | none" = "none"
        => Supported, "Header P3P beside it.";
    userid_mark [HTTP SERVER LOCATION] (1) "letter | digit | = | off" = "off"
        => Supported, "Sends it again unless it has this mark.";
}

directives! { HTTP_IMAGE_FILTER, "ngx_http_image_filter_module";
    image_filter [LOCATION] (1 2 3) "value ..." = "" => Ignored("pictures are sent as they are"), "";
    image_filter_buffer [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("pictures are sent as they are"), "";
    image_filter_interlace [HTTP SERVER LOCATION] (flag) "on | off" = ""
        => Ignored("pictures are sent as they are"), "";
    image_filter_jpeg_quality [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("pictures are sent as they are"), "";
    image_filter_sharpen [HTTP SERVER LOCATION] (1) "value" = ""
        => Ignored("pictures are sent as they are"), "";
    image_filter_transparency [HTTP SERVER LOCATION] (flag) "on | off" = ""
        => Ignored("pictures are sent as they are"), "";
}

directives! { HTTP_XSLT, "ngx_http_xslt_module";
    xslt_stylesheet [LOCATION] (1+) "value ..." = "" => Ignored("documents are sent as they are"), "";
    xslt_types [HTTP SERVER LOCATION] (1+) "value ..." = "" => Ignored("documents are sent as they are"), "";
    xslt_param [HTTP SERVER LOCATION] (2) "value value" = "" => Ignored("documents are sent as they are"), "";
}
