/** Every right that the template gives, one by one: who, what, on what, under which condition. */
import * as z from 'zod'
import { resourcesOf, targetOf, textOf } from './support.ts'

const oneOrMany = z.union([z.array(z.unknown()), z.unknown().transform((one) => [one])])
const Statement = z.looseObject({
  Effect: z.enum(['Allow', 'Deny']),
  Action: oneOrMany,
  Resource: oneOrMany.optional(),
  Condition: z.unknown().optional(),
})
const Document = z.object({ Statement: z.array(Statement) })
const PolicyProperties = z.object({ PolicyDocument: Document, Roles: z.array(z.unknown()) })

export interface Right {
  /** Logical id of the role. */
  readonly role: string
  readonly action: string
  readonly resource: string
  readonly condition: string
}

/** What the roles of the stack may do. Inline policies of a role are not used; a test says so. */
export const rights: readonly Right[] = resourcesOf('AWS::IAM::Policy').flatMap(([, { Properties }]) => {
  const { PolicyDocument, Roles } = PolicyProperties.parse(Properties)
  return PolicyDocument.Statement.filter((statement) => statement.Effect === 'Allow').flatMap((statement) =>
    Roles.flatMap((role) =>
      statement.Action.flatMap((action) =>
        (statement.Resource ?? []).map((resource) => ({
          role: targetOf(role),
          action: z.string().parse(action),
          resource: textOf(resource),
          condition: JSON.stringify(statement.Condition ?? {}),
        })),
      ),
    ),
  )
})
