/** How a right is given: a named action on a named resource, in the role of who gets it, with a reason for every wildcard. */
import { Stack, Validations } from 'aws-cdk-lib'
import { PolicyStatement, type PolicyStatementProps, type Role } from 'aws-cdk-lib/aws-iam'
import { flattenCfnReference } from 'cdk-nag/lib/utils/flatten-cfn-reference.js'

export interface GrantProps {
  readonly actions: readonly string[]
  readonly resources: readonly string[]
  readonly conditions?: NonNullable<PolicyStatementProps['conditions']>
  /** Why a resource of this grant ends in `*`. Each wildcard needs one. */
  readonly wildcard?: string
}

/** Adds the statement to the role's policy, and the reason of its wildcards where cdk-nag looks for it. */
export const grant = (role: Role, props: GrantProps): void => {
  const { actions, resources, conditions, wildcard } = props
  role.addToPrincipalPolicy(new PolicyStatement({ actions: [...actions], resources: [...resources], ...(conditions === undefined ? {} : { conditions }) }))
  if (wildcard !== undefined) acknowledgeWildcards(role, resources, wildcard)
}

/** The reason for rights that CDK itself adds with a wildcard. */
export const acknowledgeWildcards = (role: Role, resources: readonly string[], reason: string): void => {
  for (const resource of resources) {
    const text = flattenCfnReference(Stack.of(role).resolve(resource))
    if (text.includes('*')) Validations.of(role).acknowledge({ id: `AwsSolutions-IAM5[Resource::${text}]`, reason })
  }
}
