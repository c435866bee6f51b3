/** The model credentials of an attempt: those of its claim, until a heartbeat brings fresh ones. Only ever in the runner's memory. */
import type { VendedCredentials } from '../../shared/contract/runner-protocol.ts'

export interface HeldCredentials {
  /** Undefined where the plane gave none. */
  newest(): VendedCredentials | undefined
  renew(fresh: VendedCredentials): void
}

/** @param hide told of each value that must not be seen, before it is used */
export const holdCredentials = (given: VendedCredentials | undefined, hide: (secret: string) => void): HeldCredentials => {
  let held: VendedCredentials | undefined
  const renew = (fresh: VendedCredentials): void => {
    for (const secret of [fresh.secret_access_key, fresh.session_token]) hide(secret)
    held = fresh
  }
  if (given !== undefined) renew(given)
  return { newest: () => held, renew }
}
