import { redacted } from '../redact.ts'
import { refuse, type FieldError, type Refusal } from '../result.ts'

/** Every text below a value, with its path. */
const textsIn = (value: unknown, path: string): readonly { readonly path: string; readonly text: string }[] => {
  if (typeof value === 'string') return [{ path, text: value }]
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, inner]) => textsIn(inner, `${path}.${key}`))
}

/** What is shown redacted must not be written back: the secret behind it would be gone. */
export const refuseRedacted = (fields: Readonly<Record<string, unknown>>): Refusal | undefined => {
  const errors: readonly FieldError[] = Object.entries(fields)
    .flatMap(([key, value]) => textsIn(value, key))
    .filter(({ text }) => text.includes(redacted))
    .map(({ path }) => ({ field: path, message: `holds ${redacted}: send the whole value, or leave the field out to keep it` }))
  return errors.length === 0 ? undefined : refuse('invalid_request', `${errors[0]?.field} holds ${redacted}, which would replace a secret by this word`, errors)
}
