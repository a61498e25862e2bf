//! The files of `examples/demo`, in the executable.

use std::path::Path;

use anyhow::Context as _;

#[derive(rust_embed::Embed)]
#[folder = "../../examples/demo"]
struct Files;

/// Writes all files below a folder.
pub(super) fn write_to(folder: &Path) -> anyhow::Result<()> {
    for name in Files::iter() {
        let path = folder.join(name.as_ref());
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent)?;
        }
        let file = Files::get(&name).with_context(|| format!("{name} is not embedded"))?;
        std::fs::write(&path, &file.data)
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// One file's text.
pub(super) fn text(name: &str) -> anyhow::Result<String> {
    let file = Files::get(name).with_context(|| format!("{name} is not embedded"))?;
    Ok(String::from_utf8(file.data.into_owned())?)
}
