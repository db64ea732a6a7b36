//! From the objects of a pickle to tensors with names.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use super::object::{Node, StoredTensor, Value};
use super::pickle::Pickle;

/// How deep tensors may lie.
const MAX_DEPTH: usize = 64;
/// Entries that are looked at, again for each place that a container is at.
const MAX_LOOKS: usize = 1 << 25;
/// Bytes of all names together, those of the containers on the way included: objects may be referred to in many places.
const MAX_NAMES: usize = 32 << 20;

/// The tables of a `torch.nn.Module`.
const PARAMETERS: &str = "_parameters";
const BUFFERS: &str = "_buffers";
const MODULES: &str = "_modules";
const NOT_PERSISTENT: &str = "_non_persistent_buffers_set";

/// All tensors that lie in dictionaries, sequences and modules, by dotted names: keys, numbers, and the names that a module's
/// `state_dict()` has. Entries under other keys than texts and whole numbers, attributes of other objects, and whatever is no tensor
/// are passed over.
///
/// # Errors
/// Tensors deeper than any model has them, or more of them.
pub(super) fn tensors<'p>(pickle: &'p Pickle<'_>) -> Result<Vec<(String, &'p StoredTensor)>, String> {
    let walk = Walk { pickle, leads: leading(pickle) };
    let mut found = Vec::new();
    let (mut length, mut looks) = (0, 0);
    // The name so far, the value, and how deep it lies.
    let mut open = vec![(String::new(), pickle.root, 0)];
    // Containers that the current value lies in: one that holds itself is not walked again.
    let mut above: Vec<Value> = Vec::new();
    while let Some((name, value, depth)) = open.pop() {
        above.truncate(depth);
        if above.contains(&value) {
            continue;
        }
        if depth > MAX_DEPTH {
            let start: String = name.chars().take(80).collect();
            return Err(format!("expected tensors at most {MAX_DEPTH} deep, found more in `{start}`"));
        }
        match pickle.node(value) {
            Some(Node::Tensor(tensor)) => {
                // A tensor saved by itself has no name.
                let name = if name.is_empty() { "tensor".to_owned() } else { name };
                found.push((name, &**tensor));
            }
            Some(node) => {
                above.push(value);
                looks += node.len();
                if looks > MAX_LOOKS {
                    return Err(
                        "expected containers that are referred to a few times, found many more".into()
                    );
                }
                for (part, child) in walk.children(node).into_iter().rev() {
                    let name = if name.is_empty() { part.into_owned() } else { format!("{name}.{part}") };
                    length += name.len() + 1;
                    if length > MAX_NAMES {
                        return Err(format!(
                            "expected names of at most {MAX_NAMES} bytes together, found more"
                        ));
                    }
                    open.push((name, child, depth + 1));
                }
            }
            None => {}
        }
    }
    Ok(found)
}

struct Walk<'p> {
    pickle: &'p Pickle<'p>,
    /// For each node, whether there is a tensor in it.
    leads: Vec<bool>,
}

type Named<'p> = Vec<(Cow<'p, str>, Value)>;

impl<'p> Walk<'p> {
    /// The named values in a node in which there are tensors.
    fn children(&self, node: &'p Node) -> Named<'p> {
        match node {
            Node::Sequence(values) => self.items(values),
            Node::Dictionary(entries) => self.entries(entries),
            Node::Object(object) => {
                let mut named = self.items(&object.items);
                named.extend(self.entries(&object.entries));
                named.extend(self.state_of_module(object.state));
                named
            }
            Node::Int(_) | Node::Storage(_) | Node::Tensor(_) => Vec::new(),
        }
    }

    fn items(&self, items: &[Value]) -> Named<'p> {
        let items = items.iter().enumerate().filter(|(_, value)| leads_to_tensors(&self.leads, **value));
        items.map(|(index, value)| (index.to_string().into(), *value)).collect()
    }

    /// Of several entries under one key, the last.
    fn entries(&self, entries: &[(Value, Value)]) -> Named<'p> {
        let mut named = Named::new();
        let mut places = HashMap::new();
        for (key, value) in entries.iter().filter(|(_, value)| leads_to_tensors(&self.leads, *value)) {
            let Some(key) = self.pickle.name(*key) else { continue };
            let place = *places.entry(key.clone()).or_insert_with(|| {
                named.push((key, *value));
                named.len() - 1
            });
            named[place].1 = *value;
        }
        if !named.is_empty() && named.len() < entries.len() {
            // One without tensors may have taken the place of one with some.
            for (key, value) in entries {
                let Some(key) = self.pickle.name(*key) else { continue };
                if let Some(place) = places.get(&key) {
                    named[*place].1 = *value;
                }
            }
            named.retain(|(_, value)| leads_to_tensors(&self.leads, *value));
        }
        named
    }

    /// What `state_dict()` of a `torch.nn.Module` has, which is known by its tables, since its class is whoever's: parameters, buffers
    /// but those that are said not to persist, and the modules inside.
    fn state_of_module(&self, state: Value) -> Named<'p> {
        let Some(Node::Dictionary(attributes)) = self.pickle.node(state) else { return Named::new() };
        let attribute = |name: &str| {
            let is = |(key, _): &&(Value, Value)| self.pickle.name(*key).is_some_and(|key| key == name);
            attributes.iter().rfind(is).and_then(|(_, value)| self.pickle.node(*value))
        };
        let table = |name: &str| match attribute(name) {
            Some(Node::Dictionary(entries)) => Some(self.entries(entries)),
            _ => None,
        };
        let (Some(mut named), Some(buffers), Some(modules)) =
            (table(PARAMETERS), table(BUFFERS), table(MODULES))
        else {
            return Named::new();
        };
        let passing: HashSet<_> = match attribute(NOT_PERSISTENT) {
            Some(Node::Sequence(names)) => names.iter().filter_map(|name| self.pickle.name(*name)).collect(),
            _ => HashSet::new(),
        };
        named.extend(buffers.into_iter().filter(|(name, _)| !passing.contains(name)));
        named.extend(modules);
        named
    }
}

fn leads_to_tensors(leads: &[bool], value: Value) -> bool {
    matches!(value, Value::Node(number) if leads.get(number as usize) == Some(&true))
}

/// For each node, whether there is a tensor in it, however deep. One look at each reference.
fn leading(pickle: &Pickle<'_>) -> Vec<bool> {
    let nodes = pickle.nodes();
    let mut leads = vec![false; nodes.len()];
    let mut seen = vec![false; nodes.len()];
    let mut open = vec![(pickle.root, false)];
    while let Some((value, done)) = open.pop() {
        let Value::Node(number) = value else { continue };
        let number = number as usize;
        let Some(node) = nodes.get(number) else { continue };
        if done {
            leads[number] = references(node).any(|child| leads_to_tensors(&leads, child));
        } else if !seen[number] {
            seen[number] = true;
            leads[number] = matches!(node, Node::Tensor(_));
            if !leads[number] {
                open.push((value, true));
                open.extend(
                    references(node)
                        .filter(|child| matches!(child, Value::Node(_)))
                        .map(|child| (child, false)),
                );
            }
        }
    }
    leads
}

fn references(node: &Node) -> Box<dyn Iterator<Item = Value> + '_> {
    match node {
        Node::Sequence(items) => Box::new(items.iter().copied()),
        Node::Dictionary(entries) => Box::new(entries.iter().map(|(_, value)| *value)),
        Node::Object(object) => Box::new(
            (object.items.iter().copied())
                .chain(object.entries.iter().map(|(_, value)| *value))
                .chain([object.state]),
        ),
        Node::Int(_) | Node::Storage(_) | Node::Tensor(_) => Box::new(std::iter::empty()),
    }
}
