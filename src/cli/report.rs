//! What the program says about itself and its configuration.

use std::collections::BTreeSet;

use crate::config;
use crate::io::runtime;

/// `-h`.
pub(super) const USAGE: &str = "Usage: ringx [-?hvVtTq] [-s signal] [-p prefix]
             [-e filename] [-c filename] [-g directives] [--strict]
       ringx --listen ADDRESS [--proxy ADDRESS] [--static /PREFIX=DIRECTORY]...

Options:
  -?,-h         : this help
  -v            : show version and exit
  -V            : show version and configure options then exit
  -t            : test configuration and exit
  -T            : test configuration, dump it and exit
  -q            : suppress non-error messages during configuration testing
  -s signal     : send signal to a master process: stop, quit, reopen, reload
  -p prefix     : set prefix path (default: the current directory)
  -e filename   : set error log file
  -c filename   : set configuration file (default: conf/nginx.conf, else /etc/nginx/nginx.conf)
  -g directives : set global directives out of configuration file
  --strict      : refuse every directive that is unknown or not supported yet
  --listen, --proxy, --static : serve without a configuration file

";

/// `-v`.
pub(super) fn version_line() -> String {
    format!("ringx version: ringx/{}\n", env!("CARGO_PKG_VERSION"))
}

/// The rest of `-V`: what the kernel offers, and which of nginx's modules are here.
pub(super) fn build_lines() -> String {
    let supported: BTreeSet<&str> = config::supported_modules();
    let missing: BTreeSet<&str> = config::known_modules().difference(&supported).copied().collect();
    let mut arguments = Vec::new();
    arguments.extend(supported.iter().map(|module| format!("--with-{}", short(module))));
    arguments.extend(missing.iter().map(|module| format!("--without-{}", short(module))));
    format!(
        "built for Linux, running on Linux {}\nevent loop: {}\nconfigure arguments: {}\n",
        runtime::kernel_release(),
        runtime::probe().line(),
        arguments.join(" "),
    )
}

/// `ngx_http_gzip_filter_module` as configure's switches name it: `http_gzip_module`.
fn short(module: &str) -> String {
    let name = module.strip_prefix("ngx_").unwrap_or(module);
    match name.strip_suffix("_filter_module") {
        Some(stem) if stem != "http_image" => format!("{stem}_module"),
        _ => name.to_owned(),
    }
}

/// Standard output: `-T` prints every file that was read there, as nginx does.
pub(super) fn dump(files: &[u8]) {
    use std::io::Write;
    // A closed pipe is the reader's choice.
    let _ = std::io::stdout().lock().write_all(files);
}
