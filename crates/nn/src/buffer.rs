//! Module state that is saved but not trained.

use burn::module::{
    Content, Devices, Module, ModuleDisplay, ModuleDisplayDefault, ModuleMapper, ModuleVisitor, Param,
    ParamId,
};
use burn::tensor::{Device, Int, Shape, Tensor, TensorData};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::host;

/// A vector that a forward pass may replace: a running statistic.
///
/// Unlike Burn's `RunningState`, an update is visible at once, and [`Clone`] copies the value: two
/// modules never share a statistic. Visitors and mappers see a parameter that needs no gradient.
pub struct Buffer {
    id: ParamId,
    value: Mutex<Tensor<1>>,
}

impl Buffer {
    /// A buffer that holds `value`, without its gradient history.
    #[must_use]
    pub fn new(value: Tensor<1>) -> Self {
        Self::with_id(ParamId::new(), value)
    }

    fn with_id(id: ParamId, value: Tensor<1>) -> Self {
        Self { id, value: Mutex::new(value.without_autodiff()) }
    }

    fn lock(&self) -> MutexGuard<'_, Tensor<1>> {
        // A tensor handle is replaced whole, so a panic elsewhere cannot leave it half-written.
        self.value.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The current value, never tracked for gradients.
    pub fn value(&self) -> Tensor<1> {
        self.lock().clone()
    }

    /// Replaces the value by `update(value)`.
    pub fn update(&self, update: impl FnOnce(Tensor<1>) -> Tensor<1>) {
        let mut value = self.lock();
        *value = update(value.clone()).without_autodiff();
    }
}

impl Clone for Buffer {
    fn clone(&self) -> Self {
        Self::with_id(self.id, self.value())
    }
}

impl fmt::Debug for Buffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Buffer({})", self.id)
    }
}

impl Module for Buffer {
    fn collect_devices(&self, mut devices: Devices) -> Devices {
        let device = self.value().device();
        if !devices.contains(&device) {
            devices.push(device);
        }
        devices
    }

    fn fork(self, device: &Device) -> Self {
        self.to_device(device)
    }

    fn to_device(self, device: &Device) -> Self {
        Self::with_id(self.id, self.value().to_device(device))
    }

    fn train(self) -> Self {
        self
    }

    fn valid(&self) -> Self {
        self.clone()
    }

    fn materialize(self) -> Self {
        self
    }

    fn visit<V: ModuleVisitor>(&self, visitor: &mut V) {
        visitor.visit_float(&Param::initialized(self.id, self.value()));
    }

    fn map<M: ModuleMapper>(self, mapper: &mut M) -> Self {
        let mapped = mapper.map_float(Param::initialized(self.id, self.value()));
        let (id, value, _) = mapped.consume();
        Self::with_id(id, value)
    }
}

impl ModuleDisplayDefault for Buffer {
    fn content(&self, content: Content) -> Option<Content> {
        content.add_formatted(&format!("Buffer {{shape: {:?}}}", self.value().dims())).optional()
    }
}

impl ModuleDisplay for Buffer {}

/// A count that a forward pass may raise, kept on the host.
///
/// Visitors and mappers see an integer tensor of shape `[1]`, which is made when they look at its value: a walk that is after
/// the parameters alone, as an optimizer's, moves nothing to the device or back.
pub struct Counter {
    id: ParamId,
    count: AtomicU64,
    device: Device,
}

impl Counter {
    /// A counter at zero. `device` is where visitors see its tensor.
    #[must_use]
    pub fn new(device: &Device) -> Self {
        Self::with_id(ParamId::new(), 0, device)
    }

    fn with_id(id: ParamId, count: u64, device: &Device) -> Self {
        Self { id, count: AtomicU64::new(count), device: device.clone().without_autodiff() }
    }

    /// The count.
    pub fn get(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Adds one.
    pub fn increment(&self) {
        self.count.fetch_add(1, Ordering::Relaxed);
    }

    fn param(&self) -> Param<Tensor<1, Int>> {
        let count = i64::try_from(self.get()).unwrap_or(i64::MAX);
        let init = move |device: &Device, _| Tensor::from_data(TensorData::from([count]), device);
        Param::uninitialized(self.id, init, self.device.clone(), false, Shape::from([1]))
    }
}

impl Clone for Counter {
    fn clone(&self) -> Self {
        Self::with_id(self.id, self.get(), &self.device)
    }
}

impl fmt::Debug for Counter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Counter({})", self.get())
    }
}

impl Module for Counter {
    fn collect_devices(&self, devices: Devices) -> Devices {
        devices
    }

    fn fork(self, device: &Device) -> Self {
        self.to_device(device)
    }

    fn to_device(self, device: &Device) -> Self {
        Self::with_id(self.id, self.get(), device)
    }

    fn train(self) -> Self {
        self
    }

    fn valid(&self) -> Self {
        self.clone()
    }

    fn materialize(self) -> Self {
        self
    }

    fn visit<V: ModuleVisitor>(&self, visitor: &mut V) {
        visitor.visit_int(&self.param());
    }

    fn map<M: ModuleMapper>(self, mapper: &mut M) -> Self {
        let mapped = mapper.map_int(self.param());
        if !mapped.is_initialized() {
            return Self::with_id(mapped.id, self.get(), &self.device);
        }
        let (id, value, _) = mapped.consume();
        let count = host::read_integers(value).iter::<i64>().next().unwrap_or(0);
        Self::with_id(id, u64::try_from(count).unwrap_or(0), &self.device)
    }
}

impl ModuleDisplayDefault for Counter {
    fn content(&self, content: Content) -> Option<Content> {
        content.add_formatted(&self.get().to_string()).optional()
    }
}

impl ModuleDisplay for Counter {}
