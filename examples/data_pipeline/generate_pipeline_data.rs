//! Writes the three exports of the data pipeline into a directory.

use std::{env, error::Error, fs, path::PathBuf};

use tasker_examples::data_pipeline::generate::Source;

const USAGE: &str = "usage: generate_pipeline_data DIRECTORY [ORDER_ROWS (20000)] [SEED (1)]";

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let directory = PathBuf::from(arguments.next().ok_or(USAGE)?);
    let order_rows = arguments.next().map_or(Ok(20_000), |text| text.parse()).map_err(|_| USAGE)?;
    let seed = arguments.next().map_or(Ok(1), |text| text.parse()).map_err(|_| USAGE)?;

    fs::create_dir_all(&directory)?;
    for source in Source::ALL {
        let path = directory.join(source.file_name(order_rows, seed));
        source.write(order_rows, seed, fs::File::create(&path)?)?;
        println!("{}", path.display());
    }
    Ok(())
}
