//! Where the policy is applied, once.
