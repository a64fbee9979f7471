import { IDL, query } from 'azle';
import { greeting } from './greeting';

export default class {
    @query([IDL.Text], IDL.Text)
    greet(name: string): string {
        return greeting(name);
    }
}
