/**
 * Who may ask Bedrock: one role, which is in no task and no function. The function that runners call assumes it for an attempt at a
 * time, narrowed to that attempt's model (shared/ports/aws/model-credentials.ts). All of it exists only where Bedrock serves the model.
 */
import { Aws, CfnResource, Fn, Stack, type CfnCondition } from 'aws-cdk-lib'
import { ArnPrincipal, Policy, PolicyStatement, Role } from 'aws-cdk-lib/aws-iam'
import { Construct } from 'constructs'
import { grant } from './grants.ts'

export interface ModelAccessProps {
  readonly on_bedrock: CfnCondition
  /** Who gives out sessions of the role. */
  readonly vendor: Role
}

export class ModelAccess extends Construct {
  /** No value where Bedrock does not serve the model: an environment variable with it is not set then. */
  readonly role_arn: string

  constructor(scope: Construct, id: string, { on_bedrock, vendor }: ModelAccessProps) {
    super(scope, id)
    const role = new Role(this, 'Role', { assumedBy: new ArnPrincipal(vendor.roleArn), description: "Asks Bedrock's Claude models, for one attempt at a time" })
    grant(role, {
      actions: ['bedrock:InvokeModel', 'bedrock:InvokeModelWithResponseStream'],
      resources: this.models(),
      wildcard: 'Agents name their model; what is vended is narrowed to it. A cross-region profile leads to regions that Bedrock chooses.',
    })
    new Policy(this, 'Vend', { roles: [vendor], statements: [new PolicyStatement({ actions: ['sts:AssumeRole'], resources: [role.roleArn] })] })
    for (const part of this.node.findAll()) if (CfnResource.isCfnResource(part)) part.cfnOptions.condition = on_bedrock
    this.role_arn = Fn.conditionIf(on_bedrock.logicalId, role.roleArn, Aws.NO_VALUE).toString()
  }

  /** Anthropic's models in any region, and the profiles of this account and region that lead to them. */
  private models(): string[] {
    const arn = (resource: string, resourceName: string, place: { region?: string; account?: string } = {}) =>
      Stack.of(this).formatArn({ service: 'bedrock', resource, resourceName, ...place })
    return [
      arn('foundation-model', 'anthropic.*', { region: '*', account: '' }),
      arn('inference-profile', '*.anthropic.*'),
      // Made by the account's own teams, to tell costs apart; their ids say nothing.
      arn('application-inference-profile', '*'),
    ]
  }
}
