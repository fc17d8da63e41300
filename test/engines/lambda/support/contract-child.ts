/** The contract agent as a Lambda function, in a process of its own. */
import { lambdaAgentHandler } from 'holdfast/lambda'
import { serveLambda } from '../../../../examples/lambda/local/runtime.ts'
import { createContractAgent } from '../../../support/contract-agent.ts'

const agent = createContractAgent({ effects: process.env['EFFECTS'] ?? '' })

await serveLambda(lambdaAgentHandler(agent) as never)
