//! Prints `stubs/ormkit/_ormkit.pyi`, made of the Rust declarations of the extension's plain classes.
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let info = _ormkit::stub_info()?;
    let names: Vec<&str> = info.modules.keys().map(String::as_str).collect();
    let ["ormkit._ormkit"] = names[..] else {
        return Err(format!("a class is described for another module than ormkit._ormkit: {names:?}").into());
    };
    let text = info.modules["ormkit._ormkit"].format_with_config(false);
    // `match` is a keyword of Rust alone; a name that `typing` has as well is given its module, which is this one.
    print!("{}", text.replace("r#match:", "match:").replace("_ormkit.Sequence", "Sequence"));
    Ok(())
}
