/** Every guard of the plane. */
import type { Guard } from './guard.ts'
import { accept_guards } from './list/accept.ts'
import { admit_guards } from './list/admit.ts'
import { cancel_guards } from './list/cancel.ts'
import { ceiling_guards } from './list/ceiling.ts'
import { finish_guards } from './list/finish.ts'
import { fork_guards } from './list/forks.ts'
import { input_guards } from './list/inputs.ts'
import { look_guards } from './list/look.ts'
import { question_guards } from './list/questions.ts'
import { runner_guards } from './list/runner.ts'
import { schedule_guards } from './list/schedule.ts'
import { session_guards } from './list/session.ts'
import { store_guards } from './list/store.ts'

export const guards: readonly Guard[] = [
  ...accept_guards,
  ...admit_guards,
  ...runner_guards,
  ...finish_guards,
  ...input_guards,
  ...question_guards,
  ...cancel_guards,
  ...look_guards,
  ...session_guards,
  ...fork_guards,
  ...schedule_guards,
  ...ceiling_guards,
  ...store_guards,
]
