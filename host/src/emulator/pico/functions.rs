//! Where cycles go, by function.

use object::{Object, ObjectSymbol, SymbolKind};

/// A function and the cycles spent in it, and not in those that it calls.
#[derive(Debug, Clone, PartialEq)]
pub struct FunctionCost {
    /// Its name without generic arguments' hashes; an address where the ELF file has no name for
    /// it.
    pub name: String,
    /// Cycles.
    pub cycles: f64,
}

/// Sums up [`Pico::stop_profile`](super::Pico::stop_profile) by the functions of the firmware's ELF
/// file, the costliest first. A file that is none has no names.
pub fn by_function(elf: &[u8], profile: &[(u32, f64)]) -> Vec<FunctionCost> {
    let mut functions: Vec<(u32, String)> = Vec::new();
    if let Ok(file) = object::File::parse(elf) {
        for symbol in file.symbols() {
            // The lowest bit says Thumb. Addresses of this chip have 32 bits.
            if symbol.kind() == SymbolKind::Text
                && let (Ok(name), Ok(address)) = (symbol.name(), u32::try_from(symbol.address()))
            {
                let name = format!("{:#}", rustc_demangle::demangle(name));
                functions.push((address & !1, name));
            }
        }
    }
    functions.sort();
    let mut costs: Vec<FunctionCost> = Vec::new();
    let mut last = None;
    for &(address, cycles) in profile {
        // Addresses rise, so those of a function stand together.
        let at = functions.partition_point(|(start, _)| *start <= address);
        if last != Some(at) || at == 0 {
            let name = match at.checked_sub(1).and_then(|at| functions.get(at)) {
                Some((_, name)) => name.clone(),
                None => format!("{address:#010x}"),
            };
            costs.push(FunctionCost { name, cycles: 0.0 });
            last = Some(at);
        }
        if let Some(cost) = costs.last_mut() {
            cost.cycles += cycles;
        }
    }
    costs.sort_by(|a, b| b.cycles.total_cmp(&a.cycles));
    costs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_names_there_are_addresses() {
        let costs = by_function(b"no ELF", &[(0x1000_0000, 1.0), (0x1000_0002, 5.0)]);
        let names: Vec<_> = costs.iter().map(|cost| cost.name.as_str()).collect();
        assert_eq!(names, ["0x10000002", "0x10000000"]);
    }
}
