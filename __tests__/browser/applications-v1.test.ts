import { describeApplications } from '../helpers/application-screens';
import { CLIENTS, type ClientScreens } from '../helpers/admin-screens';

describeApplications(CLIENTS.find(({ client }) => client === 'v1') as ClientScreens);
