"""The rules of screening, one record each, by what they are about; `listing` has them in order."""
