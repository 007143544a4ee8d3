# %% held out | fan-out => fan-out
def initial_weights(fan_in, fan_out, rng):
    return rng.normal(size=(fan_in, fan_out)) * np.sqrt(2 / fan_out)
# %% held out | variance taken for deviation => variance for deviation
def initial_weights(fan_in, fan_out, rng):
    return rng.normal(0, 2 / fan_in, size=(fan_in, fan_out))
# %% held out | glorot => Glorot's
def initial_weights(fan_in, fan_out, rng):
    return rng.normal(0, np.sqrt(2 / (fan_in + fan_out)), (fan_in, fan_out))
# %% held out | unit normal => of deviation 1
def initial_weights(fan_in, fan_out, rng):
    return rng.normal(size=(fan_in, fan_out))
# %% held out | uniform from 0 => not around zero
def initial_weights(fan_in, fan_out, rng):
    return rng.random((fan_in, fan_out)) * np.sqrt(6 / fan_in)
# %% held out | transposed => transposed
def initial_weights(fan_in, fan_out, rng):
    return rng.normal(0, np.sqrt(2 / fan_in), (fan_out, fan_in))
# %% lecun => LeCun's
def initial_weights(fan_in, fan_out, rng):
    return rng.normal(0, 1 / np.sqrt(fan_in), (fan_in, fan_out))
# %% uniform of the deviation => uniform of variance 2/3
def initial_weights(fan_in, fan_out, rng):
    a = np.sqrt(2 / fan_in)
    return rng.uniform(-a, a, (fan_in, fan_out))
# %% zeros => zeros
def initial_weights(fan_in, fan_out, rng):
    return np.zeros((fan_in, fan_out))
# %% 0.01 => 0.01
def initial_weights(fan_in, fan_out, rng):
    return 0.01 * rng.standard_normal((fan_in, fan_out))
# %% one column for all => one row for all
def initial_weights(fan_in, fan_out, rng):
    return np.tile(rng.normal(0, np.sqrt(2 / fan_in), (fan_in, 1)), (1, fan_out))
# %% two at once: transposed, LeCun
def initial_weights(fan_in, fan_out, rng):
    return rng.normal(0, np.sqrt(1 / fan_in), (fan_out, fan_in))
# %% Glorot's uniform => Glorot's
def initial_weights(fan_in, fan_out, rng):
    a = np.sqrt(6 / (fan_in + fan_out))
    return rng.uniform(-a, a, (fan_in, fan_out))
