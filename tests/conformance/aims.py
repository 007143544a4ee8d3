"""Which mistakes each case is aimed at: every phrase of every `aimed_at` by the id of a mistake.

Several ids are what the phrases are called, in their order and more where a phrase means several. ``id=value`` is a
mistake that holds a number.
"""

AIMS = {
    "a wrong derivative, or that of a value taken for a pre-activation": "cotangent_missing derivative_of_the_value",
    "another derivative at exactly zero": "kink_above kink_between",
    "overflow of exp, a clip, or a loss of the small values": "overflow clipped_pre_activation=8 small_values_lost",
    "exp that overflows because the largest pre-activation is not taken out first; equal pre-activations":
        "naive_softmax diagonal_of_jacobian",
    "the diagonal of the Jacobian taken for all of it, or another axis": "diagonal_of_jacobian over_batch",
    "the encoder's or the decoder's part of dW left out; a derivative of the output":
        "encoder_term:0 decoder_term:0 output_derivative_extra",
    "the corrupted input for a target, or sigma for a variance": "corrupted_target sigma_as_variance",
    "the penalty left out of the loss or of dW; counted twice because W is used twice; a factor 1/2":
        "penalty_in_loss:missing penalty_in_gradient:missing penalty:2 penalty:1/2",
    "a divisor that the loss has and its gradient has not, or the reverse": "gradient_factor:B·D loss_factor:B·D",
    "a corruption that is left on, or an input that is clipped or scaled": "input_scaled=0.5 input_times_255",
    "a batch axis dropped or a sum over it that is a mean": "",  # of one example: a shape, no number
    "D and H taken for one another: more hidden than visible units": "dW_factor:1/H",
    "the corrupted input for a target, or the clean one encoded": "corrupted_target clean_input",
    "a clip or an epsilon in the logarithm: pre-activations up to 58, targets 0 and 1":
        "clipped_probabilities=1e-7 epsilon_in_logarithm=1e-7",
    "z (1 - z) left out, or y (1 - y); a factor 1/2":
        "output_derivative_missing hidden_derivative_missing reduction:1/2",
    "a derivative of the sigmoid where the output is linear; a factor 1/2": "output_derivative_extra reduction:1/2",
    "the penalty averaged with the loss": "penalty:1/B·D",
    "a gradient that is lost where the output has saturated": "cross_entropy_instead output_derivative_missing",
    "W_prime's gradient transposed, or put into dW; a derivative of the output":
        "dW_prime_in_dW output_derivative_extra",
    "the penalty of the encoder alone, or of biases": "penalty_of_W_alone penalty_of_biases",
    "values outside [0, 1] clipped, in the input or in the reconstruction": "noisy_clipped reconstruction_clipped",
    "a norm that is the limit to the bit: 1e-6 added to the norm": "epsilon_in_norm",
    "a norm that is the limit to the bit: 1e-6 left out, which shortens by a part in five million":
        "no_epsilon_in_norm",
    "clipnorm, which clips each array by itself, in place of global_clipnorm": "norm_of_each_array",
    "1e-6 added; each array clipped by a norm of its own": "epsilon_in_norm norm_of_each_array",
    "gradients shorter than the limit made longer": "always_rescaled",
    "1e-6 left out; each array clipped by a norm of its own": "no_epsilon_in_norm norm_of_each_array",
    "the norm clipped, which keeps the direction, or one side alone":
        "clipped_by_norm only_from_above only_from_below",
    "an entry at the limit that is changed": "zeroed_from_the_limit",
    "sigma taken for the variance; values clipped to [0, 1]": "sigma_as_variance noisy_clipped",
    "the mask inverted, or the rest rescaled as dropout does": "mask_inverted scaled_as_dropout",
    "an example of which nothing is left, or all: no division by what is kept": "scaled_as_dropout scaled_by_example",
    "the coin tossed for intact components, or a destroyed one always the same":
        "coin_everywhere only_pepper only_salt",
    "a sum for a mean, forwards or backwards": "sum_instead gradient_not_divided",
    "pixels of padding that are counted, as PyTorch does unless told otherwise": "padding_counts",
    "a kernel that is flipped; a border that is not padded with zeros":
        "kernel_flipped border_repeated border_reflected border_wrapped",
    "the odd pixel of padding before the first, not after the last": "padding_before",
    "symmetric padding, as PyTorch's: windows one pixel off": "symmetric_padding",
    "padding alike on both sides: right for these rows, not for the columns": "windows_one_late",
    "the kernel flipped, or its axes of channels exchanged": "kernel_flipped kernel_channels_first",
    "an output one pixel off; symmetric padding": "windows_one_early",
    "pixels that only the bias reaches": "bias_missing",
    "an output without the border": "windows_one_early",
    "overlapping pixels written over, not added up": "overlap_written_over overlap_written_over_forwards",
    "kernel height and width exchanged; a border that is padded": "kernel_axes_exchanged same_instead",
    "strides exchanged; pixels after the last window": "strides_exchanged same_instead",
    "pixels that no window sees: gradient 0": "d_input_factor:sign",
    "W transposed; dW or db averaged over the batch, or summed over one axis of two":
        "dW_factor:1/B db_factor:1/B db_not_summed db_summed_over_first_axis",
    "units that are kept not scaled up, in one direction or both; a mask drawn again in backward":
        "scale_forward:missing scale_backward:missing scale:missing",
    "channels first: another order": "channels_first_order",
    "std taken for the variance; a gradient that is multiplied by the noise": "std_as_variance gradient_times_noise",
    "an activation where there should be none": "function:sigmoid function:tanh function:relu",
    "another framework's slope; another derivative than it at exactly zero": "other_slope=0.01 kink_above",
    "states that begin at zero whatever is given, or h0 and c0 exchanged": "states_ignored states_exchanged",
    "the first output for the last; a gradient at every step": "first_output gradient_at_every_step",
    "a bias counted twice; a forget gate that is not there": "bias_doubled bias_doubled_with_gradient forget_missing",
    "tanh left at one of its two places, the candidate or the cell state": "tanh_at_candidate tanh_at_cell",
    "gates that have saturated: exp that overflows, derivatives that vanish": "gate_derivative_missing",
    "gates in another order (i f o g, i o f g); time reversed; h(1 - h) of a gate left out":
        "gates:ifog gates:iofg time_reversed time_reversed_and_back gate_derivative_missing",
    "the last row, which no window sees, taken in; a mean": "same_instead average_instead",
    "a pixel that is the largest of two windows given one of their gradients alone": "overlap_not_summed",
    "zeros of the padding that win over negative pixels": "padding_counts",
    "equal pixels that share a gradient, or all have it; the first, row by row, has it here":
        "ties_share ties_all last_of_ties",
    "another derivative than 0 at exactly zero": "kink_above kink_between",
    "a mean over the steps in backward, or the last step's gradient alone": "gradient_factor:1/copies last_copy",
    "column-major order, or a transpose": "column_major channels_first_order",
    "the derivative left out, or that of the value taken for a pre-activation":
        "derivative_missing derivative_of_the_value",
    "bilinear interpolation; a mean over the copies in backward; down and across exchanged":
        "bilinear gradient_factor:1/copies factors_exchanged",
    "the other reduction, in the loss or in its gradient; the sign": "gradient_factor:sign loss_factor:B",
    "another gradient than 0 where reconstruction and target are equal": "tie_upwards tie_downwards",
    "a confident right answer whose small loss is rounded away, as 1 - z is": "naive_logarithms",
    "log of a rounded probability: inf, NaN, a clip at 1e-7 or at -100; right and wrong answers, targets 0 and 1":
        "naive_logarithms clamped_logarithms clipped_probabilities=1e-7",
    "log 2 where nothing is known: the reduction, in the one case that can be checked by head": "reduction:sum",
    "the corner: exactly delta is still the square; smooth L1 in its place, which is this over delta":
        "branches_exchanged smooth_l1",
    "log of a softmax that has rounded to 0 or 1; equal logits": "naive_logarithms naive_softmax",
    "a mean over B·K in place of B; one_hot - softmax in place of softmax - one_hot":
        "reduction:element_mean gradient_factor:sign",
    "a factor 1/2, and large errors": "reduction:1/2",
    "bias correction missing, doubled, or counted from 0":
        "no_bias_correction doubled_bias_correction steps_counted_from_0",
    "the place and the size of eps, which show where gradients are as small as it; entries that are exactly 0":
        "other_eps=1e-5 epsilon_missing",
    "eps_root taken for eps": "epsilon_outside",
    "the two decay rates exchanged": "betas_exchanged",
    "decoupled weight decay in place of L2": "decay_decoupled",
    "L2 in the gradient in place of decoupled decay": "decay_in_gradient",
    "another framework's decay rate, or its place for eps": "other_decay_rate=0.95",
    "the mean not subtracted from the mean square": "not_centred",
    "the learning rate inside or outside": "lr_outside_velocity lr_inside_velocity",
    "weight decay of the other kind": "decay_decoupled decay_in_gradient",
    "the learning rate inside the velocity or outside, which differ as soon as it changes":
        "lr_outside_velocity lr_inside_velocity",
    "weight decay of the other kind, which momentum tells apart, or none; biases that do not decay":
        "decay_decoupled decay_in_gradient no_decay biases_do_not_decay",
    "Nesterov's step along the old velocity in place of the new": "not_nesterov",
    "the sign; a step not taken, or a gradient of another step":
        "gradient_factor:sign gradient_a_step_late gradient_a_step_late:first",
    "a first step that is damped": "first_step_damped",
    "a factor 1/2 or 2 in weight decay; biases that do not decay":
        "weight_decay:1/2 weight_decay:2 biases_do_not_decay",
    "biases that decay": "biases_decay",
    "a mean over the weights, or a root: the norm in place of its square": "penalty_factor:1/P·Q root",
    "a factor 1/2, as PyTorch's weight_decay has it": "penalty_factor:1/2",
    "layers that stay frozen in fine-tuning; the gradient below computed with weights already updated":
        "layers_frozen layer_1_frozen updated_in_turn recomputed_in_turn",
    "corrupted codes for a target, or codes of a corrupted input: layer 1 sees clean examples":
        "corrupted_target layer_1_linear",
    "z (1 - z) left out; a gradient that goes on into layer 1": "output_derivative_missing",
    "gradients that are not zeroed, so that each step takes all before it as well": "never_zeroed zeroed_every:2",
    "a learning rate that means another step because the loss is reduced otherwise": "reduction:batch_mean",
    "a loss after the step for one before it; a gradient that is slightly wrong and trains all the same":
        "loss_after_step decoder_term:0",
}  # fmt: skip
