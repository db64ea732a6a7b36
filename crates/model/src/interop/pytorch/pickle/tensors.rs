//! What PyTorch's own calls in a pickle stand for.

use super::super::object::{Class, Element, Extent, Node, Object, Storage, StoredTensor, Value};
use super::bytes::name_of;
use super::machine::{Machine, Step};
use super::name;

/// Axes of a tensor.
const MAX_AXES: usize = 64;

impl Machine<'_> {
    /// What `('storage', type, key, location, elements[, view])` stands for; other ids mean nothing here.
    pub(super) fn persistent(&mut self, id: Value) -> Step {
        let fields = self.arguments(id);
        let text = |value| name_of(self.bytes, value);
        if fields.len() < 5 || text(fields[0]) != Some("storage") {
            return self.push(Value::Other);
        }
        let refuse = |what: &str| Err(format!("expected {what} of a storage, found another object"));
        let class = match fields[1] {
            Value::Class(class) => class,
            // As text in files of the first versions.
            value => text(value).map_or(Class::Unknown, |name| Class::of("torch", name)),
        };
        let (element, strange, size) = match class {
            Class::Storage(element, size) => (element, element.is_none(), size.into()),
            Class::UntypedStorage => (None, false, 1),
            _ => return refuse("the type"),
        };
        let Some(key) = name(self.bytes, &self.nodes, fields[2]) else { return refuse("the key") };
        let key = key.into_owned();
        let Some(elements) = self.natural(fields[4]) else { return refuse("the length") };
        let offset = match fields.get(5).and_then(|view| self.sequence(*view)) {
            None => 0,
            Some(view) => match view.get(1).and_then(|offset| self.natural(*offset)) {
                Some(offset) => offset,
                None => return refuse("the view"),
            },
        };
        let extent = Extent { elements, size };
        let known = self.storages.entry(key.clone()).or_insert(extent);
        if *known != extent {
            return Err(format!("expected storage `{key}` of the length that it had before, found another"));
        }
        self.push_node(Node::Storage(Box::new(Storage { key, extent, element, strange, offset })))
    }

    /// The result of a call that is known; an object without meaning of any other.
    pub(super) fn call(&mut self, callable: Value, arguments: Value) -> Step<Value> {
        let class = match callable {
            Value::Class(class) => class,
            _ => Class::Unknown,
        };
        let fields = self.arguments(arguments);
        match class {
            Class::RebuildTensor => self.tensor(&fields, 4, None),
            Class::RebuildTensorV2 => self.tensor(&fields, 6, None),
            Class::RebuildTensorV3 => match fields.get(6) {
                Some(Value::Class(Class::Element(element))) => self.tensor(&fields, 7, Some(*element)),
                // Of a type that Burn lacks.
                _ => Ok(Value::Other),
            },
            Class::RebuildParameter => Ok(fields.first().copied().unwrap_or(Value::Other)),
            Class::RebuildFromType => match fields[..] {
                // One level: what it calls puts a tensor together.
                [function, _, arguments, ..] if function != callable => self.call(function, arguments),
                _ => Ok(Value::Other),
            },
            Class::Sequence => match fields[..] {
                [] => self.add(Node::Sequence(Vec::new())),
                [only] if self.sequence(only).is_some() => Ok(only),
                _ => self.add(Node::Object(Box::new(Object::new()))),
            },
            Class::Dictionary => {
                let items = fields.first().and_then(|items| self.sequence(*items)).unwrap_or_default();
                let pair = |item: &Value| match self.sequence(*item) {
                    Some([key, value]) => Some((*key, *value)),
                    _ => None,
                };
                let entries: Vec<_> = items.iter().filter_map(pair).collect();
                self.kept += 2 * entries.len();
                self.add(Node::Dictionary(entries))
            }
            _ => self.add(Node::Object(Box::new(Object::new()))),
        }
    }

    /// `(storage, offset, shape, stride, ...)`, of the storage's type or of this one.
    pub(super) fn tensor(&mut self, fields: &[Value], least: usize, element: Option<Element>) -> Step<Value> {
        if fields.len() < least {
            return Err(format!("expected {least} arguments of a tensor, found {}", fields.len()));
        }
        let storage = match fields[0] {
            Value::Node(number) => match self.nodes.get(number as usize) {
                Some(Node::Storage(storage)) => storage,
                _ => return Err("expected the storage of a tensor, found another object".into()),
            },
            _ => return Err("expected the storage of a tensor, found another object".into()),
        };
        let element = match (storage.element, element) {
            _ if storage.strange => None,
            (None, None) => {
                return Err(format!("expected the type of storage `{}`, found none", storage.key));
            }
            (Some(of_storage), Some(own)) if of_storage != own => {
                return Err(format!("expected one type of storage `{}`, found two", storage.key));
            }
            (of_storage, own) => of_storage.or(own),
        };
        let extents = |value: Value, what: &str| -> Step<Vec<usize>> {
            let items = self.sequence(value).filter(|items| items.len() <= MAX_AXES);
            let items =
                items.ok_or_else(|| format!("expected the {what} of a tensor, found another object"))?;
            let extent = |item: &Value| self.natural(*item).and_then(|extent| usize::try_from(extent).ok());
            let extents: Option<Vec<_>> = items.iter().map(extent).collect();
            extents.ok_or_else(|| format!("expected whole numbers in the {what} of a tensor, found others"))
        };
        let (shape, stride) = (extents(fields[2], "shape")?, extents(fields[3], "stride")?);
        if shape.len() != stride.len() {
            return Err(format!("expected {} strides of a tensor, found {}", shape.len(), stride.len()));
        }
        let offset = self.natural(fields[1]).and_then(|offset| offset.checked_add(storage.offset));
        let offset =
            offset.ok_or_else(|| "expected the place of a tensor, found another object".to_owned())?;
        // Within what the storage says it holds; what it does hold is another question.
        let size = element.filter(|_| storage.element.is_none()).map_or(1, Element::size) as u64;
        let reach = reach(offset, &shape, &stride).and_then(|reach| reach.checked_mul(size));
        if reach.is_none_or(|reach| reach > storage.extent.elements) {
            return Err(format!(
                "expected a tensor within the {} elements of storage `{}`, found one of shape {shape:?} from {offset}",
                storage.extent.elements, storage.key
            ));
        }
        let tensor = StoredTensor { storage: storage.key.clone(), element, offset, shape, stride };
        self.add(Node::Tensor(Box::new(tensor)))
    }
}

/// One past the last element of a tensor; the start for one without elements.
fn reach(offset: u64, shape: &[usize], stride: &[usize]) -> Option<u64> {
    if shape.contains(&0) {
        return Some(0);
    }
    let last = shape.iter().zip(stride).try_fold(offset, |sum, (extent, stride)| {
        let step = (*extent as u64 - 1).checked_mul(*stride as u64)?;
        sum.checked_add(step)
    });
    last?.checked_add(1)
}
