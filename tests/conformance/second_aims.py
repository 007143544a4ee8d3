"""Which mistakes each case of version 2 is aimed at, as in `aims`: every phrase of every `aimed_at` by an id."""

_CURVE = "a wrong derivative, or that of a value taken for a pre-activation"
_NORM = "eps outside the root; gamma and beta exchanged; statistics that are taken for constants in backward"
_NORM_IDS = "eps_outside scale_and_shift_exchanged statistics_constant"
_SIZE = "a gradient divided by the batch, the channels or the filters: which of them it is"
_SIZE_IDS = "dW_factor:1/B dW_factor:1/C dW_factor:1/F db_factor:1/B"

AIMS = {
    "a loss of the small values, each of which is compared by itself: 0, a clip, or few digits":
        "small_values_lost clipped_pre_activation=8",
    "a threshold of 20, above which PyTorch gives the pre-activation back": "threshold_of_20",
    "dW or db divided by the batch, the steps or the units: which of them it is":
        "dW_factor:1/B dW_factor:1/T dW_factor:1/units db_factor:1/B",
    _SIZE: _SIZE_IDS,
    "a gradient divided by the batch, the channels or the filters, or halved: which of them it is":
        f"{_SIZE_IDS} dW_factor:1/2 db_factor:1/2",
    f"{_SIZE}; strides, or height and width, exchanged": f"{_SIZE_IDS} strides_exchanged image_axes_exchanged",
    "a forget gate that is not there; h0 and c0 exchanged": "forget_missing states_exchanged",
    "states that begin at zero whatever is given": "states_ignored",
    "the first output for the last; a gradient at every step": "first_output gradient_at_every_step",
    "tanh left at one of its two places, the candidate or the cell state": "tanh_at_candidate tanh_at_cell",
    "height and width of the window, or of its stride, exchanged": "strides_exchanged",  # of the window: `DETECTED`
    "height and width of the window, or of its stride, exchanged; padding counted": "strides_exchanged padding_counts",
    "down and across exchanged; a mean over the copies in backward": "factors_exchanged gradient_factor:1/copies",
    f"exp that is left without its 1; {_CURVE}": "one_missing derivative_missing derivative_of_the_value",
    "CELU, whose exponent is x / alpha; alpha in the value alone; another derivative than alpha at exactly zero":
        "celu_instead alpha_in_value_alone kink_above",
    f"the approximation by tanh in place of Φ; {_CURVE}":
        "function:gelu_tanh cotangent_missing derivative_of_the_value",
    "Φ itself in place of its approximation, or x s(1.702 x)": "function:gelu function:quick_gelu",
    f"GELU in its place; {_CURVE}": "function:gelu cotangent_missing derivative_of_the_value",
    f"the rectifier in its place; {_CURVE}": "function:relu cotangent_missing derivative_of_the_value",
    "the diagonal of the Jacobian taken for all of it, or another axis than the last":
        "diagonal_of_jacobian over_batch",
    f"{_NORM}; n for n - 1 in what is remembered, or n - 1 in the output":
        f"{_NORM_IDS} other_n_remembered unbiased_in_output statistics_not_remembered",
    "n - 1 for n in what is remembered; decay_rate taken for the share of the new":
        "other_n_remembered decay_for_share",
    f"{_NORM}; a mean over the batch alone, or over the channels":
        f"{_NORM_IDS} over_batch_alone statistics_of_each_example",
    "the statistics of the batch in place of those that are remembered; eps outside the root, or left out":
        "batch_instead eps_outside eps_missing",
    f"{_NORM}; statistics over the batch; n - 1 for n": f"{_NORM_IDS} over_batch unbiased_in_output",
    "a norm over all of v, or over the units; a norm that is taken for a constant in backward":
        "norm_of_all norm_of_inputs norm_constant",
    "the reset before the product; z and 1 - z exchanged; gates in another order (z r n)":
        "reset_before update_complemented gates:zrn",
    "b_U not multiplied by r; the first output for the last": "inner_bias_outside first_output",
    "the reset after the product; z and 1 - z exchanged": "reset_after update_complemented",
    "tanh left at the candidate; the first output for the last": "tanh_at_candidate first_output",
    "symmetric padding; a kernel that is flipped": "symmetric_padding kernel_flipped",
    "a border that is padded; a kernel that is flipped": "same_instead kernel_flipped",
    "an output one step off; the kernel flipped": "half_kernel_padding kernel_flipped",
    "overlapping steps written over, not added up": "overlap_written_over overlap_written_over_forwards",
    "dilation left out, or its two axes exchanged; a dilation that is one too many":
        "dilation_missing dilations_exchanged dilation_one_more",
    "padding of the kernel without its holes": "padding_without_holes",
    "filters dealt out to the groups in turn; every filter on the first group": "groups_in_turn first_group_alone",
    "dW transposed, or that of an untied W; dW or db averaged over the batch":  # a transpose: `test_explainer_words`
        "dW_factor:1/B db_factor:1/B",
    "the sum of squares from another beginning; another place or size of eps; a mean that fades, as RMSprop's":
        "other_initial=0.25 epsilon_inside epsilon_outside other_eps=1e-5 fading_sum",
    "another decay rate or eps; the step remembered after it is scaled; eps outside the roots":
        "other_decay_rate=0.75 other_eps=1e-4 scaled_step_remembered eps_outside",
    "Adam itself; the beta1 of the step for that of the next; another momentum_decay":
        "adam_instead same_beta1 other_momentum_decay=0.25",
    "Adam itself; a beta1 that changes with the step": "adam_instead scheduled_beta1",
    "epochs steps in place of epochs - 1, so that last comes an epoch late": "last_an_epoch_late",
    "equal steps in place of equal factors; a schedule that goes on below last": "linear_instead never_ends",
    "a step that comes an epoch early or late; a factor at every epoch":
        "counted_from_1 an_epoch_late at_every_epoch",
    "an epoch counted from 1; exp(-epoch) of another rate": "counted_from_1 natural",
    "a quarter of a cosine; epochs in place of epochs - 1; a restart at the end":
        "quarter last_an_epoch_late restarts",
    "a warm-up that begins at 0, or is over an epoch early; epochs that are counted from the beginning":
        "warm_up_from_0 warm_up_an_epoch_short counted_from_the_beginning",
    "the decay taken for the share of the new; an average that begins with the first step in place of W":
        "decay_for_share from_first_step",
    "no correction of the beginning; a correction that is kept in the average": "not_corrected correction_kept",
    "a mean for the sum, or over D too; the sign; the standard deviation in place of the log of the variance":
        "kl_factor:1/B kl_factor:1/D kl_factor:sign log_of_deviation deviation_given",
    "the mean of the divergences in place of the divergence of the mean; a mean over the units; KL the other way":
        "mean_of_divergences penalty_factor:1/units kl_reversed",
    "y (1 - y) not squared; a sum over the batch; the gradient through y left out":
        "slope_not_squared penalty_factor:B slope_constant",
    "a uniform window; variances divided by n - 1; constants without the square, or of another range; a border":
        "uniform_window unbiased_variances constants_not_squared other_range with_border",
    "the derivative of the sigmoid left out; dW or db averaged over the batch":
        "derivative_missing dW_factor:1/B db_factor:1/B",
    "a sum in half precision, which overflows beyond 65504; a mean over the batch alone":
        "sum_overflows whole_factor:D",
    "the logarithm of a probability that half precision has rounded to 0 or 1": "rounded_probabilities",
}  # fmt: skip

# What has no name yet: the case, and a change of its conventions or inputs by which the formulas must not agree.
DETECTED = (
    ("max_pool_not_square", {"pool": [2, 3]}),
    ("average_pool_not_square", {"pool": [3, 2]}),
)
