//! Functions that are there to say that they can do nothing.

use super::errors::{Status, failure};

macro_rules! unsupported {
    ($($name:ident),* $(,)?) => {
        $(
            /// Whatever its parameters are, which the caller takes back.
            #[unsafe(no_mangle)]
            pub(super) extern "C" fn $name() -> Status {
                failure::NOT_SUPPORTED
            }
        )*
    };
}

unsupported!(
    // Blocks that wait for each other: as many run at a time as the processor has cores, not all of a grid.
    cuLaunchCooperativeKernel,
    // Graphs.
    cuStreamBeginCapture_v2,
    cuStreamEndCapture,
    cuGraphCreate,
    cuGraphDestroy,
    cuGraphExecDestroy,
    cuGraphGetNodes,
    cuGraphInstantiateWithFlags,
    cuGraphLaunch,
    cuGraphNodeGetType,
    cuGraphUpload,
    // Tensor maps of later cards.
    cuTensorMapEncodeIm2col,
    cuTensorMapEncodeIm2colWide,
    cuTensorMapEncodeTiled,
    // Several cards, and memory that moves between card and host.
    cuCtxEnablePeerAccess,
    cuDeviceCanAccessPeer,
    cuMemAllocManaged,
    cuMemcpyPeerAsync,
    cuMemPoolCreate,
    cuMemPoolGetAttribute,
);
