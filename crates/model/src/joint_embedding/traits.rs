//! What joint-embedding methods share.

use burn::module::Module;
use burn::tensor::Tensor;
use seqjepa_nn::{DropoutKey, Mode};

use super::input::InputConfig;
use crate::any_encoder::AnyEncoder;
use crate::encoder::Encoder;
use crate::error::ModelError;
use crate::method::{
    EncoderChoice, EquivariantRepresentation, EvaluationOutput, InvariantRepresentation, LossTerm, Method,
    MethodConfig, RepresentationLayout, Representations, SequenceActions, SequenceInput, TensorRole,
    TrainingOutput, ViewsUsed, check_observed, check_target,
};

/// A method whose representations are those of its encoder, view by view: z_1 is what it has for invariant. Whoever implements this has
/// a [`Method`].
///
/// Its fields `encoder`, `target_encoder` and `target_projector` have the [roles](TensorRole) that these names say; all others are of
/// the objective.
pub trait JointEmbedding: Module + 'static {
    /// Its configuration.
    type Config: MethodConfig<Method = Self>;

    /// What it was built from.
    fn settings(&self) -> &Self::Config;

    /// What it was built for.
    fn input(&self) -> &InputConfig;

    /// The encoder that is trained.
    fn encoder(&self) -> &AnyEncoder;

    /// Its moving average, where there is one. Default: none.
    fn target_encoder(&self) -> Option<&AnyEncoder> {
        None
    }

    /// Which views of a sequence it looks at. Default: the first two observed ones.
    fn views(&self) -> ViewsUsed {
        ViewsUsed { observed: Some(2), target: false }
    }

    /// One pass over the views that it [looks at](Self::views), which are there and fit the encoder.
    fn embed(&self, input: SequenceInput, mode: Mode) -> Embedded;

    /// As [`Method::after_step`]. Default: nothing.
    #[must_use]
    fn follow_step(self, step: u64, total_steps: u64) -> Self {
        let _ = (step, total_steps);
        self
    }
}

/// What comes out of a pass of a [`JointEmbedding`].
#[derive(Clone, Debug)]
pub struct Embedded {
    /// The parts of the loss by name, weights included: `[1]` each. Their sum is the loss.
    pub terms: Vec<(&'static str, Tensor<1>)>,
    /// The first view's representation, `[batch, D]`.
    pub first: Tensor<2>,
    /// The second view's, `[batch, D]`.
    pub second: Tensor<2>,
}

/// View `view` of observed ones, `[batch, views, channels, height, width]`, as images.
pub(super) fn view(observed: &Tensor<5>, view: usize) -> Tensor<4> {
    observed.clone().narrow(1, view, 1).squeeze_dim(1)
}

/// What training and evaluation passes are made of.
struct Pass {
    loss: Tensor<1>,
    terms: Vec<LossTerm>,
    representations: Representations,
}

fn pass<M: JointEmbedding>(method: &M, input: SequenceInput, mode: Mode) -> Result<Pass, ModelError> {
    check(method, &input)?;
    let Embedded { terms, first, second } = method.embed(input, mode);
    let [first, second] = [first, second].map(Tensor::without_autodiff);
    let parts = terms.iter().map(|(_, value)| value.clone());
    let loss = parts.reduce(|sum, part| sum + part).expect("a loss has a term");
    let term = |(name, value): (_, Tensor<1>)| LossTerm { name, value: value.without_autodiff() };
    Ok(Pass {
        loss,
        terms: terms.into_iter().map(term).collect(),
        representations: Representations { invariant: first.clone(), first, second },
    })
}

/// Refuses an input that the method cannot take.
fn check<M: JointEmbedding>(method: &M, input: &SequenceInput) -> Result<(), ModelError> {
    let InputConfig { encoder, action_dim } = method.input();
    let used = method.views();
    let views = used.observed.unwrap_or(1);
    check_observed(&input.observed, views, encoder)?;
    if used.target {
        check_target(input.target.clone(), &input.observed)?;
    }
    let [batch, given, ..] = input.observed.dims();
    let [rows, absolute, found] = input.actions.absolute().dims();
    let enough = match used.observed {
        Some(views) => absolute > views,
        None => absolute == given + 1,
    };
    if rows == batch && enough && found == *action_dim {
        return Ok(());
    }
    let expected = format!("[{batch}, observed views + 1, {action_dim}]");
    Err(ModelError::shape("actions", expected, &[rows, absolute, found]))
}

impl<M: JointEmbedding> Method for M {
    type Config = <M as JointEmbedding>::Config;

    fn config(&self) -> &Self::Config {
        self.settings()
    }

    fn views_used(&self) -> ViewsUsed {
        self.views()
    }

    fn representations(&self) -> RepresentationLayout {
        let width = self.encoder().width();
        RepresentationLayout {
            invariant: InvariantRepresentation { name: "z_1", width, of_sequence: false },
            equivariant: EquivariantRepresentation { name: "z_t", width },
            predicts: false,
            target_encoder: self.target_encoder().is_some(),
        }
    }

    fn tensor_role(&self, name: &str) -> TensorRole {
        match name.split('.').next() {
            Some("encoder") => TensorRole::Representation,
            Some("target_encoder" | "target_projector") => TensorRole::TargetEncoder,
            _ => TensorRole::Objective,
        }
    }

    fn training_forward(&self, input: SequenceInput, _: DropoutKey) -> Result<TrainingOutput, ModelError> {
        let shape = input.observed.dims();
        if shape[0] < 2 {
            let expected = "[batch >= 2, views, channels, height, width] in training".to_owned();
            return Err(ModelError::shape("observed", expected, &shape));
        }
        let Pass { loss, terms, representations } = pass(self, input, Mode::Train)?;
        Ok(TrainingOutput { loss, terms, representations })
    }

    fn evaluation_forward(&self, input: SequenceInput) -> Result<EvaluationOutput, ModelError> {
        let pass = pass(&self.valid(), input.without_autodiff(), Mode::Eval)?;
        let Pass { loss, terms, representations } = pass;
        Ok(EvaluationOutput { loss, terms, representations })
    }

    fn encode(&self, images: Tensor<4>, encoder: EncoderChoice) -> Option<Tensor<2>> {
        let encoder = match encoder {
            EncoderChoice::Online => self.encoder(),
            EncoderChoice::Target => self.target_encoder()?,
        };
        Some(encoder.valid().encode(images.without_autodiff(), Mode::Eval))
    }

    fn invariant(
        &self,
        representations: Tensor<3>,
        actions: &SequenceActions,
    ) -> Result<Tensor<2>, ModelError> {
        let [batch, views, width] = representations.dims();
        if views == 0 || actions.batch() != batch || width != self.encoder().width() {
            let expected = format!("[{}, views >= 1, {}]", actions.batch(), self.encoder().width());
            return Err(ModelError::shape("representations", expected, &[batch, views, width]));
        }
        Ok(representations.narrow(1, 0, 1).squeeze_dim::<2>(1).without_autodiff())
    }

    fn after_step(self, step: u64, total_steps: u64) -> Self {
        self.follow_step(step, total_steps)
    }
}
