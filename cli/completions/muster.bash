# Completion of `muster` in bash: the program writes it itself, from its own tables of commands.
eval "$(muster completion bash)"
