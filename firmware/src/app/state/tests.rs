//! Presses, lines and ticks, and the views that follow.
extern crate std;

use super::*;
use crate::engine::tests::Network;
use proptest::prelude::*;

const PASSED: SelfTest = SelfTest {
    goldens: 2,
    failed: None,
};

fn app(classes: u8) -> App {
    let image = Network::random(1, 3, classes, &[], (2, 2)).image(&[]);
    App::new(&Image::new_checked(&image).unwrap(), PASSED)
}

fn press(app: &mut App, buttons: &[Button]) -> View {
    for &button in buttons {
        assert_eq!(app.handle(Event::Button(button)), None);
    }
    app.view()
}

fn line(app: &mut App, text: &str) -> Option<Request> {
    app.handle(Event::Line(Ok(text)))
}

fn view(text: &str) -> View {
    text.parse().unwrap()
}

use Button::{Down, Left, Right, Select, Up};

#[test]
fn select_goes_around_the_modes() {
    let mut conditional = app(10);
    for expected in [
        "digit seed=1 label=7",
        "grid seed=0 label=-",
        "walk from=1:0 to=2:1 step=0 paused=0",
        "number digits=2026 cursor=0 seed=1",
        "digit seed=1 label=7",
    ] {
        assert_eq!(press(&mut conditional, &[Select]), view(expected));
    }
    let mut unconditional = app(0);
    for expected in [
        "digit seed=1 label=-",
        "grid seed=0 label=-",
        "walk from=1:- to=2:- step=0 paused=0",
        "digit seed=1 label=-",
    ] {
        assert_eq!(press(&mut unconditional, &[Select]), view(expected));
    }
}

#[test]
fn the_first_picture_is_that_of_the_splash() {
    for classes in [0, 3, 10, 255] {
        assert_eq!(press(&mut app(classes), &[Select]), View::first(classes));
    }
}

#[test]
fn arrows_in_every_mode() {
    for (buttons, expected) in [
        (&[Right, Right][..], "digit seed=2 label=7"),
        (&[Select, Left, Left], "digit seed=4294967295 label=7"),
        (&[Select, Up, Up, Up], "digit seed=1 label=0"),
        (&[Select, Down], "digit seed=1 label=6"),
        (&[Select, Select, Right], "grid seed=8 label=-"),
        (&[Select, Select, Left], "grid seed=4294967288 label=-"),
        (&[Select, Select, Up], "grid seed=0 label=0"),
        (&[Select, Select, Down], "grid seed=0 label=9"),
        (&[Select, Select, Down, Up], "grid seed=0 label=-"),
        (
            &[Select, Select, Select, Left],
            "walk from=1:0 to=2:1 step=0 paused=1",
        ),
        (
            &[Select, Select, Select, Left, Left],
            "walk from=1:0 to=2:1 step=0 paused=0",
        ),
        (
            &[Select, Select, Select, Right],
            "walk from=2:1 to=3:2 step=0 paused=0",
        ),
        (
            &[Select, Select, Select, Down, Down],
            "walk from=1:0 to=2:9 step=0 paused=0",
        ),
        (
            &[Select, Select, Select, Select, Up],
            "number digits=3026 cursor=0 seed=1",
        ),
        (
            &[Select, Select, Select, Select, Right, Down],
            "number digits=2926 cursor=1 seed=1",
        ),
        (
            &[Select, Select, Select, Select, Left],
            "number digits=2026 cursor=3 seed=1",
        ),
    ] {
        assert_eq!(press(&mut app(10), buttons), view(expected), "{buttons:?}");
    }
    assert_eq!(
        press(&mut app(0), &[Select, Up, Down, Up]),
        view("digit seed=1 label=-")
    );
    assert_eq!(
        press(&mut app(0), &[Select, Select, Up]),
        view("grid seed=0 label=-")
    );
    assert_eq!(press(&mut app(3), &[Select]), view("digit seed=1 label=2"));
}

#[test]
fn a_mode_is_found_as_it_was_left() {
    let mut app = app(10);
    press(&mut app, &[Select, Right, Up]);
    let view = press(&mut app, &[Select, Select, Select, Select]);
    assert_eq!(
        view,
        View::Digit {
            point: Point {
                seed: 2,
                label: Some(8)
            }
        }
    );
}

#[test]
fn a_passed_self_test_is_shown_for_two_seconds() {
    let mut app = app(10);
    for _ in 0..=BOOT_TICKS {
        assert_eq!(app.view(), View::SelfTest(PASSED));
        app.handle(Event::Tick);
    }
    assert_eq!(app.view(), view("digit seed=1 label=7"));
    // Asked for later, and failed ones, stay.
    let failed = SelfTest {
        goldens: 2,
        failed: Some(super::super::Fault {
            golden: 1,
            op: None,
        }),
    };
    app.show_self_test(failed);
    for _ in 0..200 {
        app.handle(Event::Tick);
    }
    assert_eq!(app.view(), View::SelfTest(failed));
}

#[test]
fn a_walk_goes_on_to_the_next_target() {
    let mut app = app(10);
    press(&mut app, &[Select, Select, Select]);
    for _ in 0..WALK_STEPS {
        app.handle(Event::Tick);
    }
    assert_eq!(app.view(), view("walk from=1:0 to=2:1 step=64 paused=0"));
    app.handle(Event::Tick);
    assert_eq!(app.view(), view("walk from=2:1 to=3:2 step=1 paused=0"));
    press(&mut app, &[Left]);
    app.handle(Event::Tick);
    assert_eq!(app.view(), view("walk from=2:1 to=3:2 step=1 paused=1"));
}

#[test]
fn lines_change_the_view_and_are_answered() {
    let mut app = app(10);
    for (text, expected) in [
        ("42", "number digits=42 cursor=0 seed=1"),
        ("digit 5", "digit seed=5 label=7"),
        ("digit 6 3", "digit seed=6 label=3"),
        ("grid 16 4", "grid seed=16 label=4"),
        ("walk 1 2 3 4 32", "walk from=1:2 to=3:4 step=32 paused=1"),
        ("status", "walk from=1:2 to=3:4 step=32 paused=1"),
    ] {
        assert_eq!(line(&mut app, text), Some(Request::Status), "{text}");
        assert_eq!(app.view(), view(expected), "{text}");
    }
    assert_eq!(
        line(&mut app, "9x"),
        Some(Request::Error(LineError::Unknown))
    );
    let too_long = app.handle(Event::Line(Err(LineError::TooLong)));
    assert_eq!(too_long, Some(Request::Error(LineError::TooLong)));
    assert_eq!(line(&mut app, "stats"), Some(Request::Stats));
}

fn any_event() -> impl Strategy<Value = Event<'static>> {
    let buttons = [Up, Down, Left, Right, Select];
    prop_oneof![
        proptest::sample::select(std::vec::Vec::from(buttons)).prop_map(Event::Button),
        Just(Event::Tick),
        proptest::sample::select(
            &[
                "2026",
                "7",
                "digit 3",
                "walk 1 0 2 0 64",
                "grid 7 0",
                "selftest"
            ][..]
        )
        .prop_map(|text| Event::Line(Ok(text))),
    ]
}

proptest! {
    #[test]
    fn every_view_can_be_drawn(classes in 0u8..14, events in proptest::collection::vec(any_event(), 0..200)) {
        let mut app = app(classes);
        for event in events {
            let _ = app.handle(event);
            for latent in app.view().latents(classes) {
                for label in latent.labels() {
                    prop_assert!(label.map_or(classes == 0, |label| label < classes), "{:?}", app.view());
                }
            }
            prop_assert_eq!(std::format!("{}", app.view()).parse(), Ok(app.view()));
        }
    }
}
