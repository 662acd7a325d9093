//! Tests of [`super`].

use super::*;

fn pairs(pairs: &[&str]) -> Vec<String> {
    pairs.iter().map(|pair| (*pair).to_owned()).collect()
}

#[test]
fn presets_are_valid_and_are_what_they_are_called() {
    let cgan = Config::resolve("cgan", &[]).unwrap();
    let gan = Config::resolve("gan", &[]).unwrap();
    assert!(cgan.model.conditional && !gan.model.conditional);
    for config in [cgan, gan] {
        assert_eq!(config.model.latent, 32);
        assert_eq!(config.model.generator, [256, 256]);
        assert_eq!(config.model.discriminator, [256, 256]);
        assert_eq!(config.model.generator_slope, 0.25);
    }
    for (name, _) in PRESETS {
        let config = Config::resolve(name, &[]).unwrap();
        assert_eq!(config.name, name);
        let objective = match name {
            "vae" | "cvae" => Objective::Vae,
            "classifier" => Objective::Classifier,
            _ => Objective::Gan,
        };
        assert_eq!(config.model.objective, objective, "{name}");
        assert_eq!(
            config.model.conditional,
            name.starts_with('c') && name != "classifier"
        );
    }
}

#[test]
fn a_range_is_told_as_it_is_written() {
    for (pair, expected) in [
        (
            "train.beta1=1",
            "config key `train.beta1` is 1; expected 0 to under 1",
        ),
        (
            "train.epsilon=0",
            "config key `train.epsilon` is 0; expected over 0 to 1",
        ),
        (
            "report.metrics_every=0",
            "config key `report.metrics_every` is 0; expected 1 or more",
        ),
        (
            "train.d_steps=0",
            "config key `train.d_steps` is 0; expected 1 to 100",
        ),
        (
            "model.kernel=9",
            "config key `model.kernel` is 9; expected 2 to 7",
        ),
    ] {
        let error = Config::resolve("cgan", &pairs(&[pair])).unwrap_err();
        assert_eq!(error.to_string(), expected);
    }
}

#[test]
fn any_key_can_be_set() {
    let set = [
        "train.steps=12",
        "data=1234",
        "model.generator=[8, 9]",
        "train.ema=0",
        "device=cpu",
        "seed = 7",
    ];
    let config = Config::resolve("gan", &pairs(&set)).unwrap();
    assert_eq!((config.train.steps, config.seed), (12, 7));
    assert_eq!(config.data, "1234");
    assert_eq!(config.model.generator, [8, 9]);
    assert_eq!(config.train.ema, 0.0);
    assert_eq!(config.device, DeviceChoice::Cpu);
}

#[test]
fn a_file_goes_over_the_preset_that_it_names_and_comes_back_equal() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.toml");
    std::fs::write(
        &path,
        "preset = \"gan\"\nname = \"mine\"\n[train]\nsteps = 5\nlr_final = 1\n",
    )
    .unwrap();
    let config = Config::resolve(path.to_str().unwrap(), &[]).unwrap();
    assert_eq!(
        (
            config.name.as_str(),
            config.train.steps,
            config.model.conditional
        ),
        ("mine", 5, false)
    );
    std::fs::write(&path, config.to_toml().unwrap()).unwrap();
    assert_eq!(Config::read(&path).unwrap(), config);
}

#[test]
fn an_unknown_key_is_named_with_the_nearest() {
    let cases = [
        (
            "train.stepz=1",
            "unknown key `train.stepz`",
            "`train.steps`",
        ),
        ("steps=1", "unknown key `steps`", "`train.steps`"),
        ("model=1", "unknown key `model`", "`model."),
        (
            "lr_generater=1",
            "unknown key `lr_generater`",
            "`train.lr_generator`",
        ),
    ];
    for (pair, what, nearest) in cases {
        let error = Config::resolve("cgan", &pairs(&[pair])).unwrap_err();
        assert!(matches!(error, ConfigError::UnknownKey { .. }), "{error}");
        let error = error.to_string();
        assert!(error.contains(what) && error.contains(nearest), "{error}");
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("mine.toml");
    std::fs::write(&path, "[model]\nlatents = 3\n").unwrap();
    let error = Config::resolve(path.to_str().unwrap(), &[])
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("mine.toml") && error.contains("`model.latent`"),
        "{error}"
    );
}

#[test]
fn wrong_values_are_refused_in_one_line() {
    let cases = [
        ("train.steps=many", "train.steps"),
        ("train.steps=\"many\"", "steps"),
        ("train.steps=0", "train.steps"),
        ("train.steps=-4", "steps"),
        ("train.steps=1\nseed=2", "one value"),
        ("model.generator_slope=0.2", "power of two"),
        ("model.generator=[]", "model.generator"),
        ("model.generator=[1000000]", "model.generator"),
        ("train.lr_generator=nan", "train.lr_generator"),
        ("train.ema=inf", "train.ema"),
        ("name=../x", "name"),
        (
            "model.generator=[8, 8, 8, 8, 8, 8, 8, 8, 8]",
            "1 to 8 sizes",
        ),
        ("train.loss=best", "ns-bce"),
        ("model.family=recurrent", "dense"),
        ("model.objective=music", "classifier"),
        ("vae.likelihood=poisson", "bernoulli"),
        ("vae.deviation=0", "vae.deviation"),
        ("device=tpu", "device"),
        ("train.steps", "KEY=VALUE"),
    ];
    for (pair, expected) in cases {
        let error = Config::resolve("cgan", &pairs(&[pair]))
            .unwrap_err()
            .to_string();
        assert!(error.contains(expected), "{pair}: {error}");
        assert!(
            pair.contains('\n') || !error.contains('\n'),
            "{pair}: {error}"
        );
    }
}

#[test]
fn convolutions_that_do_not_fit_the_picture_or_memory_are_refused() {
    let cases = [
        ("model.generator=[8, 8, 8, 8, 8]", "1 to 4 sizes"),
        (
            "model.discriminator=[4096]",
            "at most 334 channels at 196 pixels",
        ),
    ];
    for (pair, expected) in cases {
        let error = Config::resolve("dcgan", &pairs(&[pair]))
            .unwrap_err()
            .to_string();
        assert!(error.contains(expected), "{pair}: {error}");
    }
}

#[test]
fn what_is_neither_preset_nor_file_is_told() {
    assert!(matches!(
        Config::resolve("dcgam", &[]),
        Err(ConfigError::UnknownPreset { .. })
    ));
    assert!(matches!(
        Config::resolve("missing.toml", &[]),
        Err(ConfigError::File(_))
    ));
}
