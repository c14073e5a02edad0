//! Writes what files decode to: `decode OUT FILE…` leaves `OUT/NAME.ppm`, or `OUT/NAME.txt` with the
//! reason where a file is not a readable image. `compare.py` compares that with other programs.

use std::path::Path;

use alpaca_run::base::fs::{FileError, write_atomic};
use alpaca_run::dataset::decode;
use alpaca_run::spec::Alpha;

fn main() -> Result<(), FileError> {
    std::panic::set_hook(Box::new(|_| {}));
    let mut arguments = std::env::args().skip(1);
    let out = arguments.next().unwrap_or_default();
    for file in arguments {
        let name = Path::new(&file).file_name().unwrap_or_default().to_string_lossy().into_owned();
        let ppm = |picture: decode::RgbImage| {
            let head = format!("P6 {} {} 255\n", picture.width(), picture.height());
            [head.as_bytes(), picture.as_raw()].concat()
        };
        let decoded = decode::read_file(Path::new(&file))
            .and_then(|bytes| decode::decode_then(&name, &bytes, Alpha::Drop, ppm));
        match decoded {
            Ok(ppm) => write_atomic(&Path::new(&out).join(format!("{name}.ppm")), &ppm)?,
            Err(reason) => {
                let reason = reason.to_string();
                write_atomic(&Path::new(&out).join(format!("{name}.txt")), reason.as_bytes())?;
            }
        }
    }
    Ok(())
}
