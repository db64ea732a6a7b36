//! The seq-JEPA model: encoders, aggregator, predictor, EMA target, and its exchange with PyTorch.
