//! What goes into a method.

use burn::tensor::Tensor;

use crate::error::ModelError;

/// The normalised actions of a batch of sequences of M observed views and one target view each.
///
/// Both kinds travel together, so that one cannot be taken for the other: there is one absolute action more than there are
/// relative ones.
#[derive(Clone, Debug)]
pub struct SequenceActions {
    absolute: Tensor<3>,
    relative: Tensor<3>,
}

impl SequenceActions {
    /// Actions of sequences: `absolute`, `[batch, M + 1, action_dim]`, one for each view, the target's last; `relative`,
    /// `[batch, M, action_dim]`, from each observed view to the next view.
    ///
    /// # Errors
    /// [`ModelError::InputShape`] for no observed view, or if `relative` does not have one row less than `absolute`, as when the two
    /// are swapped, or another batch or width.
    pub fn new(absolute: Tensor<3>, relative: Tensor<3>) -> Result<Self, ModelError> {
        let [batch, rows, action_dim] = absolute.dims();
        if rows < 2 {
            let expected = "[batch, observed views + 1 >= 2, action_dim]".to_owned();
            return Err(ModelError::shape("actions", expected, &absolute.dims()));
        }
        if relative.dims() != [batch, rows - 1, action_dim] {
            let expected =
                format!("[{batch}, {}, {action_dim}], one row less than the absolute actions", rows - 1);
            return Err(ModelError::shape("relative", expected, &relative.dims()));
        }
        Ok(Self { absolute, relative })
    }

    /// The action of each view, the target's last, `[batch, M + 1, action_dim]`.
    #[must_use]
    pub fn absolute(&self) -> Tensor<3> {
        self.absolute.clone()
    }

    /// The action from each observed view to the next view, `[batch, M, action_dim]`.
    #[must_use]
    pub fn relative(&self) -> Tensor<3> {
        self.relative.clone()
    }

    /// The action from observed view `view`, counted from 0, to the view after it, `[batch, action_dim]`.
    ///
    /// # Panics
    /// If there is no such view.
    #[must_use]
    pub fn relative_from(&self, view: usize) -> Tensor<2> {
        let [batch, _, action_dim] = self.relative.dims();
        self.relative.clone().narrow(1, view, 1).reshape([batch, action_dim])
    }

    /// The same actions with `count` of their numbers from `first` on alone.
    ///
    /// # Panics
    /// If there are not so many.
    #[must_use]
    pub fn columns(&self, first: usize, count: usize) -> Self {
        let [absolute, relative] =
            [&self.absolute, &self.relative].map(|actions| actions.clone().narrow(2, first, count));
        Self { absolute, relative }
    }

    /// Number of sequences.
    #[must_use]
    pub fn batch(&self) -> usize {
        self.relative.dims()[0]
    }

    /// M, the number of observed views.
    #[must_use]
    pub fn observed_views(&self) -> usize {
        self.relative.dims()[1]
    }

    /// Numbers in an action.
    #[must_use]
    pub fn action_dim(&self) -> usize {
        self.relative.dims()[2]
    }

    /// The same values outside any gradient graph.
    #[must_use]
    pub fn without_autodiff(self) -> Self {
        Self { absolute: self.absolute.without_autodiff(), relative: self.relative.without_autodiff() }
    }
}

/// A batch of sequences, as far as a method looks at them ([`ViewsUsed`](super::ViewsUsed)).
#[derive(Clone, Debug)]
pub struct SequenceInput {
    /// Observed views, `[batch, views, channels, height, width]`, normalised: all M of each sequence, or as many of the first as
    /// the method uses.
    pub observed: Tensor<5>,
    /// Target views, `[batch, channels, height, width]`, normalised; may be absent for a method that does not use them.
    pub target: Option<Tensor<4>>,
    /// Actions of the whole sequences.
    pub actions: SequenceActions,
}

impl SequenceInput {
    /// The same values outside any gradient graph.
    #[must_use]
    pub fn without_autodiff(self) -> Self {
        Self {
            observed: self.observed.without_autodiff(),
            target: self.target.map(Tensor::without_autodiff),
            actions: self.actions.without_autodiff(),
        }
    }
}
