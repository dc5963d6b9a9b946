//! Who may come in, and how often.

use super::{directives, refused, refused_unless};
use crate::config::spec::Support::{Accepted, Supported};

directives! { HTTP_ACCESS, "ngx_http_access_module";
    allow [HTTP SERVER LOCATION LIMIT_EXCEPT] (1) "address | CIDR | unix: | all" = ""
        => Supported, "Lets clients in by address.";
    deny [HTTP SERVER LOCATION LIMIT_EXCEPT] (1) "address | CIDR | unix: | all" = ""
        => Supported, "Keeps clients out by address.";
}

directives! { HTTP_AUTH_BASIC, "ngx_http_auth_basic_module";
    auth_basic [HTTP SERVER LOCATION LIMIT_EXCEPT] (1) "string | off" = "off"
        => Supported, "Asks for a password.";
    auth_basic_user_file [HTTP SERVER LOCATION LIMIT_EXCEPT] (1) "file" = ""
        => Supported, "Users and passwords: {PLAIN}, {SHA}, {SSHA}, apr1, MD5, SHA-256, SHA-512, bcrypt.";
}

directives! { HTTP_AUTH_REQUEST, "ngx_http_auth_request_module";
    auth_request [HTTP SERVER LOCATION] (1) "uri | off" = "off"
        => Supported, "Asks another location for permission.";
    auth_request_set [HTTP SERVER LOCATION] (2) "$variable value" = ""
        => Supported, "A variable from that answer.";
}

directives! { HTTP_AUTH_JWT, "ngx_http_auth_jwt_module";
    auth_jwt [HTTP SERVER LOCATION] (1 2) "value ..." = ""
        => refused_unless("off", "it asks for a token"), "";
    auth_jwt_key_file [HTTP SERVER LOCATION] (1) "value" = "" => refused("it asks for a token"), "";
    auth_jwt_key_request [HTTP SERVER LOCATION] (1) "value" = "" => refused("it asks for a token"), "";
    auth_jwt_require [HTTP SERVER LOCATION LIMIT_EXCEPT] (1+) "value ..." = ""
        => refused("it asks for a token"), "";
}

directives! { HTTP_AUTH_OIDC, "ngx_http_auth_oidc_module";
    auth_oidc [HTTP SERVER LOCATION] (1) "value" = "" => refused_unless("off", "it asks for a login"), "";
}

directives! { HTTP_LIMIT_CONN, "ngx_http_limit_conn_module";
    limit_conn_zone [HTTP] (2) "key zone=name:size" = ""
        => Supported, "Memory of limit_conn.";
    limit_conn [HTTP SERVER LOCATION] (2) "zone number" = ""
        => Supported, "Limits connections by key.";
    limit_conn_log_level [HTTP SERVER LOCATION] (1) "info | notice | warn | error" = "error"
        => Supported, "Level of messages.";
    limit_conn_status [HTTP SERVER LOCATION] (1) "code" = "503"
        => Supported, "Status of refused requests.";
    limit_conn_dry_run [HTTP SERVER LOCATION] (flag) "on | off" = "off"
        => Supported, "Only counts.";
}

directives! { HTTP_LIMIT_REQ, "ngx_http_limit_req_module";
    limit_req_zone [HTTP] (3) "key zone=name:size rate=rate" = ""
        => Supported, "Memory of limit_req.";
    limit_req [HTTP SERVER LOCATION] (1 2 3) "zone=name [burst=number] [nodelay | delay=number]" = ""
        => Supported, "Limits requests by key.";
    limit_req_log_level [HTTP SERVER LOCATION] (1) "info | notice | warn | error" = "error"
        => Supported, "Level of messages.";
    limit_req_status [HTTP SERVER LOCATION] (1) "code" = "503"
        => Supported, "Status of refused requests.";
    limit_req_dry_run [HTTP SERVER LOCATION] (flag) "on | off" = "off"
        => Supported, "Only counts.";
}

directives! { HTTP_REALIP, "ngx_http_realip_module";
    set_real_ip_from [HTTP SERVER LOCATION] (1) "address | CIDR | unix:" = ""
        => Supported, "Trusted proxies in front.";
    real_ip_header [HTTP SERVER LOCATION] (1) "field | X-Real-IP | X-Forwarded-For | proxy_protocol" = "X-Real-IP"
        => Supported, "Field with the client's address.";
    real_ip_recursive [HTTP SERVER LOCATION] (flag) "on | off" = "off"
        => Supported, "Looks behind several proxies.";
}

directives! { HTTP_REFERER, "ngx_http_referer_module";
    valid_referers [SERVER LOCATION] (1+) "none | blocked | server_names | string ..." = ""
        => Supported, "Sets $invalid_referer.";
    referer_hash_max_size [SERVER LOCATION] (1) "size" = "2048"
        => Accepted("tables size themselves"), "Table of referers.";
    referer_hash_bucket_size [SERVER LOCATION] (1) "size" = "64"
        => Accepted("tables size themselves"), "Table of referers.";
}

directives! { HTTP_SECURE_LINK, "ngx_http_secure_link_module";
    secure_link [HTTP SERVER LOCATION] (1) "expression" = ""
        => Supported, "Checks links.";
    secure_link_md5 [HTTP SERVER LOCATION] (1) "expression" = ""
        => Supported, "Checks links.";
    secure_link_secret [HTTP SERVER LOCATION] (1) "word" = ""
        => Supported, "Checks links of the form /prefix/hash/link; not beside secure_link.";
}
