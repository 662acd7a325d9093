//! QEMU, Node and Chromium by the system's package manager.

use super::SetupError;
use super::plan::Step;
use super::report::Tool;
use super::system::{CommandLine, Os, System};

/// A package manager.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PackageManager {
    /// Debian, Ubuntu and their kin.
    Apt,
    /// Fedora and its kin.
    Dnf,
    /// Arch and its kin.
    Pacman,
    /// Homebrew, on macOS and Linux.
    Brew,
}

impl PackageManager {
    fn program(self) -> &'static str {
        match self {
            Self::Apt => "apt-get",
            Self::Dnf => "dnf",
            Self::Pacman => "pacman",
            Self::Brew => "brew",
        }
    }

    /// The one that belongs to this system; Homebrew only where there is no other.
    pub fn choose(system: &dyn System) -> Option<Self> {
        let candidates: &[Self] = match system.os() {
            Os::Linux => &[Self::Apt, Self::Dnf, Self::Pacman, Self::Brew],
            Os::MacOs => &[Self::Brew],
            Os::Other => &[],
        };
        candidates
            .iter()
            .copied()
            .find(|manager| system.find(manager.program()).is_some())
    }
}

/// The commands that install QEMU.
///
/// # Errors
/// [`SetupError::NoPackageManager`] and [`SetupError::NotRoot`].
pub(super) fn install_qemu(system: &dyn System) -> Result<Vec<Step>, SetupError> {
    let manager = PackageManager::choose(system).ok_or(SetupError::NoPackageManager)?;
    let mut names = match manager {
        PackageManager::Brew => vec!["qemu"],
        _ => vec!["qemu-system-arm"],
    };
    if manager == PackageManager::Apt && system.has_desktop() {
        // QEMU's window is a package of its own there.
        names.push("qemu-system-gui");
    }
    install(system, manager, &names)
}

/// The commands that install what the emulated Pico wants; `None` where there is nothing to install
/// it with.
pub(super) fn install_optional(system: &dyn System, tools: &[Tool]) -> Option<Vec<Step>> {
    let manager = PackageManager::choose(system)?;
    let names = tools.iter().flat_map(|tool| match (tool, manager) {
        (Tool::Node, PackageManager::Apt | PackageManager::Pacman) => &["nodejs", "npm"][..],
        (Tool::Node, PackageManager::Dnf) => &["nodejs"],
        (Tool::Node, PackageManager::Brew) => &["node"],
        // A desktop program there, and not one of these packages.
        (Tool::Chromium, PackageManager::Brew) => &[],
        (Tool::Chromium, _) => &["chromium"],
        _ => &[],
    });
    let names: Vec<&str> = names.copied().collect();
    if names.is_empty() {
        return None;
    }
    install(system, manager, &names).ok()
}

fn install(
    system: &dyn System,
    manager: PackageManager,
    names: &[&str],
) -> Result<Vec<Step>, SetupError> {
    let program = manager.program();
    let step = |words: &[&str]| {
        let words = words.iter().chain(names).copied();
        Step::required(CommandLine::new(program, words))
    };
    let steps = match manager {
        PackageManager::Apt => {
            // A fresh container has no package lists. One broken third-party list is no reason to
            // give up.
            let update = Step {
                may_fail: true,
                command: CommandLine::new(program, ["update"]),
            };
            vec![update, step(&["install", "-y", "--no-install-recommends"])]
        }
        PackageManager::Dnf => vec![step(&["install", "-y"])],
        PackageManager::Pacman => vec![step(&["-Sy", "--needed", "--noconfirm"])],
        PackageManager::Brew => vec![step(&["install"])],
    };
    // Homebrew refuses to run as root, and asks for itself where it needs to.
    if manager == PackageManager::Brew || system.is_root() {
        return Ok(steps);
    }
    if system.find("sudo").is_none() {
        let commands: Vec<_> = steps.iter().map(|step| step.command.to_string()).collect();
        return Err(SetupError::NotRoot {
            command: commands.join(" && "),
        });
    }
    let elevate = |step: Step| {
        let mut arguments = vec![step.command.program];
        if !system.is_interactive() {
            // Nobody could type a password: fail instead of waiting for one.
            arguments.insert(0, "-n".into());
        }
        arguments.extend(step.command.arguments);
        Step {
            command: CommandLine {
                program: "sudo".into(),
                arguments,
            },
            ..step
        }
    };
    Ok(steps.into_iter().map(elevate).collect())
}

#[cfg(test)]
mod tests {
    use super::super::fake::Fake;
    use super::*;

    fn commands(fake: &Fake) -> Vec<String> {
        install_qemu(fake)
            .unwrap()
            .iter()
            .map(|step| step.command.to_string())
            .collect()
    }

    #[test]
    fn each_system_has_its_command() {
        let linux = |program: &'static str| Fake::linux().with_programs(&[program]).with_root();
        assert_eq!(
            commands(&linux("apt-get")),
            [
                "apt-get update",
                "apt-get install -y --no-install-recommends qemu-system-arm"
            ]
        );
        assert_eq!(commands(&linux("dnf")), ["dnf install -y qemu-system-arm"]);
        assert_eq!(
            commands(&linux("pacman")),
            ["pacman -Sy --needed --noconfirm qemu-system-arm"]
        );
        let mac = Fake::new(Os::MacOs).with_programs(&["brew", "apt-get", "sudo"]);
        assert_eq!(commands(&mac), ["brew install qemu"]);
    }

    #[test]
    fn node_and_chromium_are_packages() {
        let both = [Tool::Node, Tool::Chromium];
        let commands = |fake: &Fake| -> Vec<String> {
            let steps = install_optional(fake, &both).unwrap_or_default();
            steps.iter().map(|step| step.command.to_string()).collect()
        };
        let linux = |program: &'static str| Fake::linux().with_programs(&[program]).with_root();
        assert_eq!(
            commands(&linux("apt-get"))[1],
            "apt-get install -y --no-install-recommends nodejs npm chromium"
        );
        assert_eq!(commands(&linux("dnf")), ["dnf install -y nodejs chromium"]);
        let mac = Fake::new(Os::MacOs).with_programs(&["brew"]);
        assert_eq!(commands(&mac), ["brew install node"]);
        assert!(commands(&Fake::linux()).is_empty());
    }

    #[test]
    fn the_systems_own_manager_goes_before_homebrew() {
        let fake = Fake::linux().with_programs(&["brew", "dnf"]).with_root();
        assert_eq!(PackageManager::choose(&fake), Some(PackageManager::Dnf));
        let fake = Fake::linux().with_programs(&["brew", "sudo"]);
        assert_eq!(commands(&fake), ["brew install qemu"]);
    }

    #[test]
    fn sudo_is_used_by_others_than_root_and_never_waits_for_nobody() {
        let fake = Fake::linux().with_programs(&["dnf", "sudo"]);
        assert_eq!(commands(&fake), ["sudo -n dnf install -y qemu-system-arm"]);
        assert_eq!(
            commands(&fake.interactive(true)),
            ["sudo dnf install -y qemu-system-arm"]
        );
    }

    #[test]
    fn without_sudo_the_error_has_the_command() {
        let error = install_qemu(&Fake::linux().with_programs(&["apt-get"])).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("apt-get update && apt-get install"), "{text}");
        assert!(text.contains("root"), "{text}");
    }

    #[test]
    fn without_a_package_manager_the_error_says_where_qemu_is() {
        for fake in [
            Fake::linux(),
            Fake::new(Os::Other).with_programs(&["apt-get"]),
        ] {
            let error = install_qemu(&fake.with_root()).unwrap_err();
            assert!(error.to_string().contains("qemu.org"), "{error}");
        }
    }

    #[test]
    fn a_desktop_gets_qemus_window() {
        let fake = Fake::linux().with_programs(&["apt-get"]).with_root();
        assert!(commands(&fake.with_desktop())[1].ends_with("qemu-system-gui"));
    }
}
