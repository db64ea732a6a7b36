//! Joint-embedding methods: an encoder, heads on its representations, and a loss of what they make of a few views of an image.
//!
//! They are what the tables of the seq-JEPA paper hold it against: [`SimClr`], [`Byol`] and [`VicReg`], which see no action;
//! [`ConditionalByol`], [`EquiMod`], [`Sen`] and [`Sie`], which are told the action from the first view to the second; and
//! [`VicRegTraj`] of three views and [`ConvIJepa`] of all. [`JointEmbedding`] is what they share, and what one of one's own implements.

mod byol;
mod conditional_byol;
mod conv_ijepa;
mod equimod;
mod hypernetwork;
mod input;
mod nt_xent;
mod projector;
mod sen;
mod sie;
mod simclr;
mod traits;
mod variance_covariance;
mod vicreg;
mod vicreg_traj;

pub use byol::{Byol, ByolConfig};
pub use conditional_byol::{ConditionalByol, ConditionalByolConfig};
pub use conv_ijepa::{ConvIJepa, ConvIJepaConfig};
pub use equimod::{EquiMod, EquiModConfig};
pub use hypernetwork::ActionPredictor;
pub use input::InputConfig;
pub use nt_xent::nt_xent;
pub use projector::{Projector, ProjectorEnd};
pub use sen::{Sen, SenConfig};
pub use sie::{Sie, SieConfig};
pub use simclr::{SimClr, SimClrConfig};
pub use traits::{Embedded, JointEmbedding};
pub use variance_covariance::{covariance_penalty, variance_shortfall};
pub use vicreg::{VicReg, VicRegConfig};
pub use vicreg_traj::{VicRegTraj, VicRegTrajConfig};
