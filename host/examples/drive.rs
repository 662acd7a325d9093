//! Temporary.
use host::network::*;
use host::train::*;
use ndarray::Array1;
fn run(network: &Network, input: Vec<f32>) -> Vec<f32> {
    let mut x = Array1::from_vec(input);
    for layer in &network.layers {
        x = match layer {
            Layer::Dense(d) => d.weight.dot(&x) + &d.bias,
            Layer::BatchNorm(n) => {
                &n.scale * &((x - &n.mean) / n.variance.mapv(|v| (v + n.epsilon).sqrt())) + &n.bias
            }
            Layer::LeakyRelu { slope } => x.mapv(|v| if v > 0.0 { v } else { v * slope }),
            Layer::Tanh => x.mapv(f32::tanh),
            _ => unreachable!(),
        };
    }
    x.to_vec()
}
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
        out: out.clone().into(),
        resume,
        overwrite: true,
        ..Default::default()
    };
    let dump = &mut |network: &Network, path: &std::path::Path| {
        let mut rng = rng::rng(77, rng::Purpose::Samples, 9);
        let mut bytes = Vec::new();
        for i in 0..8000 {
            let psi: f32 = [1.0, 0.8, 0.65, 0.5][i / 2000];
            let mut input: Vec<f32> = rng::normal(&mut rng, network.input.latent)
                .iter()
                .map(|v| v * psi)
                .collect();
            input.extend((0..network.input.classes).map(|c| if c == i % 10 { 1.0 } else { 0.0 }));
            bytes.extend(
                run(network, input)
                    .iter()
                    .map(|v| ((v + 1.0) * 127.5).round() as u8),
            );
        }
        std::fs::write(path.join("samples.raw"), bytes)?;
        Ok(())
    };
    match train(&config, &options, &stop, dump) {
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
