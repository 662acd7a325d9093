//! Temporary.
use host::train::*;
fn main() {
    answer_probe();
    let mut args = std::env::args().skip(1);
    let (preset, out) = (args.next().unwrap(), args.next().unwrap());
    let mut rest: Vec<String> = args.collect();
    let resume = rest.iter().any(|a| a == "resume");
    rest.retain(|a| a != "resume");
    let config = Config::resolve(&preset, &rest).unwrap_or_else(|e| {
        eprintln!("error: {e}");
        std::process::exit(1)
    });
    let stop = stop_on_ctrl_c().unwrap();
    let options = Options {
        out: out.into(),
        resume,
        overwrite: true,
        ..Default::default()
    };
    match train(&config, &options, &stop, &mut |_, _| Ok(())) {
        Ok(Outcome::Finished(s)) => println!(
            "finished {} {:.1} steps/s {:.1} s",
            s.step, s.steps_per_second, s.seconds
        ),
        Ok(Outcome::Interrupted(s)) => println!("interrupted {}", s.step),
        Err(e) => {
            eprintln!("error: {e}");
            std::process::exit(1)
        }
    }
}
